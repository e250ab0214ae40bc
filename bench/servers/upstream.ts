/** The service behind the proxies: answers every request with the same JSON. Prints `port`. */
import { createServer } from 'node:http';

const answer = JSON.stringify({
  items: Array.from({ length: 8 }, (_, id) => ({ id, name: 'thing' })),
});

createServer((_request, response) => {
  response.writeHead(200, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'content-length': answer.length,
  });
  response.end(answer);
}).listen(0, '127.0.0.1', function () {
  console.log((this.address() as { port: number }).port);
});
