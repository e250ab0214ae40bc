/** A TAXII 2.1 server of OASIS (medallion, from PyPI) for one suite, with one collection. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Child, startChild } from './child.ts';
import { exchange } from './exchange.ts';
import { freePort } from './free-port.ts';
import { until } from './until.ts';

const program = new URL('../../.cache/python/bin/medallion', import.meta.url).pathname;

export interface RunningTaxii {
  readonly origin: string;
  /** URL of the collection. */
  readonly collection: string;
  readonly user: string;
  readonly password: string;
  /** Indicators by their patterns; each has the next number for its id. */
  add(...indicators: readonly object[]): Promise<void>;
  stop(): Promise<void>;
}

const mediaType = 'application/taxii+json;version=2.1';
const id = '91a7b528-80eb-42ed-a74d-c6fbd5a26116';

/** @param home an empty folder */
export async function startTaxii(home: string, pageMax: number): Promise<RunningTaxii> {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const [user, password] = ['suite', 'of-this-suite'];
  const collections = [
    {
      ...{ id, title: 'Bots', can_read: true, can_write: true, objects: [], manifest: [] },
      media_types: ['application/stix+json;version=2.1'],
    },
  ];
  const information = {
    title: 'Suite',
    versions: [mediaType],
    max_content_length: 1_000_000,
  };
  const data = {
    '/discovery': { title: 'Suite', api_roots: [`${origin}/api/`] },
    api: { information, status: [], collections },
  };
  writeFileSync(join(home, 'data.json'), JSON.stringify(data));
  const backend = { module: 'medallion.backends.memory_backend', module_class: 'MemoryBackend' };
  const config = {
    backend: { ...backend, filename: join(home, 'data.json') },
    users: { [user]: password },
    taxii: { max_page_size: pageMax },
  };
  writeFileSync(join(home, 'config.json'), JSON.stringify(config));
  const line = ['--host', '127.0.0.1', '--port', String(port), join(home, 'config.json')];
  const server: Child = startChild(program, line, { cwd: home });
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const collection = `${origin}/api/collections/${id}/`;
  const headers = { authorization, accept: mediaType };
  await until('the TAXII server answers', async () => {
    if (server.ended() !== undefined) throw new Error(`medallion ended: ${server.stderr()}`);
    const answer = await exchange(collection, { headers }).catch(() => undefined);
    return answer?.status === 200 ? true : undefined;
  });
  return {
    ...{ origin, collection, user, password },
    async add(...indicators) {
      const body = JSON.stringify({ objects: indicators });
      const sent = { ...headers, 'content-type': mediaType };
      const answer = await exchange(`${collection}objects/`, {
        ...{ method: 'POST', headers: sent, body },
      });
      if (answer.status !== 202) throw new Error(`not taken: ${answer.status} ${answer.text}`);
    },
    async stop() {
      await server.stop('SIGKILL');
    },
  };
}
