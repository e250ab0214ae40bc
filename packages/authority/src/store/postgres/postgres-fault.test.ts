import { StoreFault } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { postgresFault } from './postgres-fault.ts';

function answered(code: string): object {
  return { severity: 'ERROR', code, message: 'said the server' };
}

describe('what PostgreSQL says', () => {
  it.each([
    ['23505', 'store_conflict'],
    ['25006', 'store_readonly'],
    ['53100', 'store_full'],
    ['57014', 'store_timeout'],
    ['55P03', 'store_timeout'],
    ['40001', 'store_timeout'],
    ['40P01', 'store_timeout'],
    ['42501', 'store_permissions'],
    ['XX001', 'store_corrupt'],
    ['XX002', 'store_corrupt'],
    ['58030', 'store_io'],
    ['42601', 'store_io'],
  ])('as an error with code %s is %s, whether an act was sent or not', (code, fault) => {
    expect(postgresFault(answered(code), 'cannot', 'sent').code).toBe(fault);
    expect(postgresFault(answered(code), 'cannot', 'not sent').code).toBe(fault);
  });

  it.each([
    ['a fatal error', { severity: 'FATAL', code: '57P01', message: 'terminated' }],
    ['a lost connection', new Error('Connection terminated unexpectedly')],
    ['silence', new Error('Query read timeout')],
  ])('as %s leaves a sent act open, and else is an unreachable server', (_, error) => {
    expect(postgresFault(error, 'cannot', 'sent').code).toBe('store_outcome_unknown');
    expect(postgresFault(error, 'cannot', 'not sent').code).toBe('store_unreachable');
  });

  it('about user or password is a matter of permission', () => {
    const error = { severity: 'FATAL', code: '28P01', message: 'password' };
    expect(postgresFault(error, 'cannot', 'not sent').code).toBe('store_permissions');
  });

  it('is not told twice', () => {
    const fault = new StoreFault('store_full', 'full');
    expect(postgresFault(fault, 'cannot', 'sent')).toBe(fault);
  });
});
