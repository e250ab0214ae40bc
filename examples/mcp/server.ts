/**
 * A small MCP server: notes that may be read, added to and watched. It knows nothing of tokens. The
 * gateway in front of it has judged them, and says in its headers who calls and with which scopes.
 * It listens on loopback, so that nobody reaches it around the gateway.
 *
 *     RESOURCE=http://127.0.0.1:8480/mcp PORT=9000 node_modules/.bin/node examples/mcp/server.ts
 */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod';

/** What clients call it, and its tokens name as their audience (RFC 8707). */
const resource = new URL(process.env['RESOURCE'] ?? 'http://127.0.0.1:8480/mcp');

interface Note {
  readonly by: string;
  readonly text: string;
}

const notes: Note[] = [];
const watchers = new Set<(note: Note) => void>();

function notesServer(): McpServer {
  const server = new McpServer({ name: 'notes', version: '1.0.0' });
  server.registerTool('list_notes', { description: 'All notes' }, () =>
    says(notes.map(({ by, text }) => `${by}: ${text}`).join('\n')),
  );
  server.registerTool(
    'add_note',
    {
      description: 'Adds a note',
      inputSchema: z.object({ text: z.string() }),
      // The route asks for notes:read; whoever lacks more is told here what to ask for.
      scopeChallenge: ({ authInfo }) =>
        authInfo?.scopes.includes('notes:write') === true
          ? undefined
          : { scopes: ['notes:read', 'notes:write'] },
    },
    ({ text }, { http }) => {
      const note = { by: http?.authInfo?.extra?.['subject'] as string, text };
      notes.push(note);
      for (const watch of watchers) watch(note);
      return says('added');
    },
  );
  server.registerTool(
    'watch_notes',
    {
      description: 'Tells each new note as it comes, until there have been so many',
      inputSchema: z.object({ count: z.number().int().min(1).max(100) }),
    },
    async ({ count }, { mcpReq }) => {
      const progressToken = mcpReq._meta?.progressToken;
      const { promise: done, resolve } = Promise.withResolvers<void>();
      let seen = 0;
      const report = (message: string): void => {
        if (progressToken === undefined) return;
        const params = { progressToken, progress: seen, total: count, message };
        void mcpReq.notify({ method: 'notifications/progress', params });
      };
      const watch = ({ text }: Note): void => {
        seen += 1;
        report(text);
        if (seen === count) resolve();
      };
      watchers.add(watch);
      report('watching');
      mcpReq.signal.addEventListener('abort', () => resolve());
      await done;
      watchers.delete(watch);
      return says(`${seen} notes`);
    },
  );
  return server;
}

function says(text: string) {
  return { content: [{ type: 'text' as const, text }] };
}

/** Who calls, in the words of the gateway. */
function callerOf({ headers }: IncomingMessage) {
  const scopes = String(headers['x-mintmark-scopes'] ?? '');
  return {
    token: '',
    clientId: String(headers['x-mintmark-client'] ?? ''),
    scopes: scopes.split(' ').filter((scope) => scope !== ''),
    resource,
    extra: { subject: headers['x-mintmark-subject'] },
  };
}

const handle = toNodeHandler(createMcpHandler(notesServer));
const server = createServer((request, answer) => {
  void handle(Object.assign(request, { auth: callerOf(request) }), answer);
});
server.listen(Number(process.env['PORT'] ?? 9000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
