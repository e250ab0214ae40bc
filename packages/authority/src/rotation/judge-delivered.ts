/** What a rule may say about a credential whose secret is delivered. */
import type { RuleFault } from './rotatable.ts';
import { type RotationRule, termsOf } from './rule.ts';

export function judgeDelivered(rule: RotationRule): RuleFault | undefined {
  const { overlapSeconds, confirmWithinSeconds } = termsOf(rule);
  if ((rule.deliver_to ?? []).length === 0) {
    return { pointer: '/deliver_to', message: 'must name a place' };
  }
  if (rule.max_uses !== undefined) {
    return { pointer: '/max_uses', message: 'is for signing keys' };
  }
  const programs = judgePrograms(rule);
  if (programs !== undefined) return programs;
  if (confirmWithinSeconds > overlapSeconds) {
    const message = 'must not be longer than the overlap';
    return { pointer: '/confirm_within_seconds', message };
  }
  if (rule.every_seconds !== undefined && rule.every_seconds < overlapSeconds) {
    return { pointer: '/every_seconds', message: 'must not be shorter than the overlap' };
  }
  return undefined;
}

/** By the address alone they are told apart, and of clients' secrets no address is kept. */
function judgePrograms({ target, programs = [] }: RotationRule): RuleFault | undefined {
  if (programs.length > 0 && target.kind !== 'key') {
    return { pointer: '/programs', message: 'is for keys' };
  }
  const names = programs.map(({ name }) => name);
  const twice = names.findIndex((name, index) => names.indexOf(name) < index);
  if (twice < 0) return undefined;
  return { pointer: `/programs/${twice}/name`, message: 'is there twice' };
}
