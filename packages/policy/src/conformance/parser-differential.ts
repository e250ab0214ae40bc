/** Whether both parsers take the same texts, on texts that are nearly policies. */
import { parsePolicies } from '../parse-policies.ts';
import { mutate } from './mutate.ts';
import { oracleParses } from './oracle.ts';
import { randomOf } from './random.ts';
import { writePolicy } from './write-policy.ts';

export interface ParserTally {
  accepted: number;
  refused: number;
}

/** Cedar's build for JavaScript knows a function of partial evaluation: not of the language. */
const beyond = /\bunknown\b/;

/** @throws Error with seed and text where one parser takes what the other refuses */
export function compareParsers(seed: number, texts: number): ParserTally {
  const tally: ParserTally = { accepted: 0, refused: 0 };
  for (let count = 0; count < texts; count += 1) {
    const random = randomOf(seed + count * 104729);
    const text = mutate(random, writePolicy(random)).toWellFormed();
    if (beyond.test(text)) continue;
    const ours = parsePolicies(text);
    const theirs = oracleParses(text);
    if (ours.ok !== theirs) {
      const said = ours.ok ? 'takes it' : JSON.stringify(ours.refusal);
      throw new Error(`seed ${seed}, text ${count}: ours ${said}, Cedar's ${theirs}\n${text}`);
    }
    if (theirs) tally.accepted += 1;
    else tally.refused += 1;
  }
  return tally;
}
