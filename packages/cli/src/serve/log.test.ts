import { StoreFault } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { createLog, type LogLevel } from './log.ts';
import { loggedPath, scrub } from './scrub.ts';

const key = `mm_key_${'a1B2'.repeat(12)}`;
const jwt = `eyJhbGciOiJFUzI1NiJ9.${'x'.repeat(40)}.${'y'.repeat(40)}`;

function lines(level: LogLevel, act: (log: ReturnType<typeof createLog>) => void) {
  const written: string[] = [];
  act(createLog(level, { write: (text) => written.push(text) }));
  return written;
}

describe('the log', () => {
  it('writes one JSON object a line, with time, level and message', () => {
    const [line] = lines('info', (log) => log.info('listening', { port: 8420 }));
    expect(JSON.parse(line!)).toMatchObject({ message: 'listening', port: 8420, level: 30 });
    expect(JSON.parse(line!).time).toMatch(/^\d{4}-\d\d-\d\dT/);
  });

  it('writes nothing below its level', () => {
    expect(lines('warn', (log) => log.info('hello'))).toEqual([]);
    expect(lines('silent', (log) => log.error('broken', new Error('x')))).toEqual([]);
  });

  it.each([
    ['a key', key],
    ['an opaque token of another installation', `acme_at_${'Z9'.repeat(20)}`],
    ['a JWT', jwt],
    ['an authorization header', 'Basic dXNlcjpwYXNzd29yZA=='],
  ])('removes %s from facts, messages and causes', (_, secret) => {
    const cause = new Error(`upstream said ${secret}`);
    const fault = new StoreFault('store_io', `bad ${secret}`, { cause });
    const [line] = lines('info', (log) => log.error('failed', fault, { path: `/x/${secret}` }));
    expect(line).not.toContain(secret);
    expect(JSON.parse(line!)).toMatchObject({ code: 'store_io' });
  });

  it('cannot be made to write a line of its own', () => {
    const forged = 'x\n{"level":30,"message":"all is well"}\r\u2028';
    expect(lines('info', (log) => log.warn(forged, { path: forged }))).toHaveLength(1);
    const [line] = lines('info', (log) => log.warn(forged, { path: forged }));
    expect(line!.trim().split('\n')).toHaveLength(1);
  });

  it('says what to do about a fault', () => {
    const fault = new StoreFault('store_full', 'no room', { hint: 'free space' });
    const [line] = lines('info', (log) => log.error('failed', fault));
    expect(JSON.parse(line!)).toMatchObject({ code: 'store_full', hint: 'free space' });
  });

  it('shows the stack of a bug, and not of a fault', () => {
    const [bug] = lines('info', (log) => log.error('failed', new TypeError('odd')));
    expect(JSON.parse(bug!)).toMatchObject({ code: 'bug' });
    expect(JSON.parse(bug!).stack).toContain('TypeError');
    const [fault] = lines('info', (log) => log.error('failed', new StoreFault('store_io', 'x')));
    expect(JSON.parse(fault!).stack).toBeUndefined();
  });

  it('drops the query of a path, and cuts what is too long', () => {
    expect(loggedPath('/a/b?token=secret#c')).toBe('/a/b');
    expect(loggedPath('/v1/keys/'.repeat(999))).toHaveLength(512);
    expect(scrub('a '.repeat(9999)).length).toBeLessThan(2100);
  });

  it('shows of a path no segment that is long enough for a secret', () => {
    expect(loggedPath('/v1/keys/Kw7qPzV3nXhR9tLm/rotate')).toBe('/v1/keys/…/rotate');
  });

  it('leaves ids and ordinary words alone', () => {
    expect(scrub('key 0b9xTq3LkWm2PzR7v of client_id build_at_night')).toContain('build_at_night');
  });
});
