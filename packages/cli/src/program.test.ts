import { describe, expect, it } from 'vitest';
import { commands } from './commands.ts';
import { json, run } from './fake-ports.ts';

const problem = {
  code: 'insufficient_permission',
  title: 'The credential lacks the permission',
  detail: 'needs keys:read',
  request_id: 'r1',
};

describe('the command line', () => {
  it('teaches by examples, each of which names its own command', async () => {
    for (const command of commands) {
      expect(command.examples.length).toBeGreaterThan(0);
      for (const [line] of command.examples) expect(line).toContain(`mintmark ${command.name}`);
      const { out, exit } = await run([...command.name.split(' '), '--help']);
      expect(exit).toBe(0);
      expect(out).toContain('Examples:');
    }
  });

  it('accepts --json on every command', async () => {
    for (const command of commands) {
      const { out } = await run([...command.name.split(' '), '--help']);
      expect(out).toContain('--json');
    }
  });

  it('exits 2 on a command line that says nothing that can be done', async () => {
    for (const line of ['key lst', 'key create', 'key list --status odd', 'key', 'key show']) {
      expect((await run(line)).exit).toBe(2);
    }
    expect((await run('key lst')).err).toContain('Did you mean list?');
  });

  it('tells usage errors as JSON with --json', async () => {
    const { err, exit } = await run('key create --json');
    expect(exit).toBe(2);
    expect(JSON.parse(err).error).toMatchObject({ code: 'usage' });
  });

  it('says where options stand that come before the command', async () => {
    const hint = 'options stand after the whole command: mintmark client create --server URL';
    const line = '--server https://issuer.example client create';
    const { err, exit } = await run(line);
    expect(exit).toBe(2);
    expect(err).toContain("unknown option '--server'");
    expect(err).toContain(hint);
    expect(JSON.parse((await run(`${line} --json`)).err).error).toMatchObject({ hint });
    expect((await run('key list --odd')).err).not.toContain(hint);
  });

  it('shows defaults as the file says them', async () => {
    const { out } = await run('serve --help');
    expect(out).toContain('(default {})');
    expect(out).not.toContain('[object');
  });

  it('exits 1 when the server refuses, with its words', async () => {
    const server = () => json(403, problem);
    const { exit, err, out } = await run('key list', { server });
    expect(exit).toBe(1);
    expect(out).toBe('');
    expect(err).toContain('The credential lacks the permission: needs keys:read');
    expect(err).toContain('request r1');
    const machine = await run('key list --json', { server });
    expect(JSON.parse(machine.err).error).toMatchObject({ code: problem.code, status: 403 });
  });

  it('names each wrong member of a request', async () => {
    const errors = [{ pointer: '/name', message: 'too long' }];
    const server = () => json(422, { code: 'invalid_body', title: 'Wrong', errors });
    expect((await run('key create --name x', { server })).err).toContain('/name: too long');
  });

  it('exits 3 when the server cannot decide, cannot be reached, or is no Mintmark', async () => {
    const failing = await run('key list', {
      server: () => json(503, { code: 'unavailable', title: 'No' }),
    });
    expect(failing.exit).toBe(3);
    const silent = await run('key list');
    expect(silent.exit).toBe(3);
    expect(silent.err).toContain('server_unreachable');
    const strange = await run('key list', { server: () => new Response('hi', { status: 404 }) });
    expect(strange.exit).toBe(3);
    expect(strange.err).toContain('server_unexpected');
    const listless = await run('key list', { server: () => json(200, {}) });
    expect(listless.err).toContain('server_unexpected');
  });

  it('says how to give a credential when it has none', async () => {
    const server = () => json(401, { code: 'unauthenticated', title: 'A credential is needed' });
    const { err, sent } = await run('key list', { server, environment: { MINTMARK_TOKEN: '' } });
    expect(err).toContain('MINTMARK_TOKEN');
    expect(sent[0]!.headers.get('authorization')).toBeNull();
  });

  it('never sends a credential over plain HTTP beyond this machine', async () => {
    const { exit, err, sent } = await run('key list --server http://id.example');
    expect(exit).toBe(2);
    expect(err).toContain('plain HTTP');
    expect(sent).toEqual([]);
  });

  it.each(['http://127.0.0.1:8420', 'http://localhost:1', 'http://[::1]:1', 'https://id.example'])(
    'sends it to %s',
    async (server) => {
      const answer = () => json(200, { items: [], next: null });
      const { sent } = await run(`key list --server ${server}`, { server: answer });
      expect(sent[0]!.url).toMatch(`${server}/v1/keys?limit=`);
      expect(sent[0]!.headers.get('authorization')).toBe('Bearer mm_admin_test');
    },
  );

  it.each(['nonsense', 'ftp://x', 'https://user@x', 'https://x/?a=1'])(
    'refuses the server %s',
    async (server) => {
      expect((await run(`key list --server ${server}`)).exit).toBe(2);
    },
  );

  it('refuses a credential of more than one line', async () => {
    const environment = { MINTMARK_TOKEN: 'a\nb' };
    const { exit, err } = await run('key list', { environment });
    expect(exit).toBe(2);
    expect(err).not.toContain('a\nb');
  });

  it('reads the credential from standard input, or says which file it cannot read', async () => {
    const server = () => json(200, { items: [], next: null });
    const { sent } = await run('key list --token-file -', { server, input: 'mm_admin_2\n' });
    expect(sent[0]!.headers.get('authorization')).toBe('Bearer mm_admin_2');
    const missing = await run('key list --token-file ./no-such-file', { server });
    expect(missing.exit).toBe(3);
    expect(missing.err).toContain('token_file_unreadable');
  });

  it('follows the pages of a list up to the number that was asked for', async () => {
    const server = ({ url }: { url: string }) => {
      const cursor = new URL(url).searchParams.get('cursor');
      const items = [{ id: `after-${cursor}` }];
      return json(200, { items, next: cursor === null ? 'c1' : null });
    };
    const { out, sent } = await run('key list --json', { server });
    expect(JSON.parse(out).items).toEqual([{ id: 'after-null' }, { id: 'after-c1' }]);
    expect(sent).toHaveLength(2);
    expect((await run('key list --json --max 1', { server })).sent).toHaveLength(1);
    expect((await run('key list --max none', { server })).exit).toBe(2);
  });

  it('colours only a terminal, and never with NO_COLOR or --json', async () => {
    const server = () => json(200, { items: [], next: null });
    const colour = '\u001b[';
    expect((await run('key list', { server, isInteractive: true })).out).toContain(colour);
    expect((await run('key list', { server })).out).not.toContain(colour);
    const environment = { NO_COLOR: '1' };
    const quiet = await run('key list', { server, isInteractive: true, environment });
    expect(quiet.out).not.toContain(colour);
    const machine = await run('key list --json', { server, isInteractive: true });
    expect(machine.out).not.toContain(colour);
  });

  it('lets no name from the server move the cursor or forge a line', async () => {
    const items = [{ id: 'k1', name: 'evil\u001b[2J\nrevoked' }];
    const server = () => json(200, { items, next: null });
    const { out } = await run('key list', { server });
    expect(out).not.toContain('\u001b');
    expect(out.trim().split('\n')).toHaveLength(2);
  });

  it('says which configuration file it cannot read', async () => {
    const { exit, err } = await run('key list --config ./no-such.yaml');
    expect(exit).toBe(3);
    expect(err).toContain('config_unreadable');
  });
});
