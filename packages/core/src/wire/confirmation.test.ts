import { describe, expect, it } from 'vitest';
import { parseConfirmation, renderConfirmation } from './confirmation.ts';

const thumbprint = 'A'.repeat(43);

describe('a confirmation', () => {
  it.each(['jkt', 'x5t#S256'] as const)('by %s is read as it was written', (by) => {
    expect(parseConfirmation(renderConfirmation({ by, thumbprint }))).toEqual({ by, thumbprint });
  });

  it.each([
    {},
    { jwk: {} },
    { kid: 'x' },
    { jkt: 'short' },
    { jkt: `${thumbprint}=` },
    { jkt: 1 },
    { jkt: thumbprint, 'x5t#S256': thumbprint },
  ])('%j is none that we could see fulfilled', (cnf) => {
    expect(parseConfirmation(cnf)).toBeUndefined();
  });
});
