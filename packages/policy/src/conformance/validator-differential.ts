/** Schemas and validation: whether both implementations take the same ones. */
import {
  checkParseSchema,
  schemaToJson,
  type Schema as WasmSchema,
  validate as wasmValidate,
} from '@cedar-policy/cedar-wasm/nodejs';
import { parsePolicies } from '../parse-policies.ts';
import { parseSchema } from '../parse-schema.ts';
import type { Schema } from '../schema.ts';
import { validate } from '../validate.ts';
import { mutate } from './mutate.ts';
import { randomOf } from './random.ts';
import { sampleSchema } from './sample-schema.ts';
import { writePolicy } from './write-policy.ts';

export interface ValidatorTally {
  accepted: number;
  refused: number;
  /** Accepted, but no request can satisfy them. */
  impossible: number;
}

/** @throws Error where one validator takes a policy that the other refuses, or warns of another */
export function compareValidators(seed: number, policies: number): ValidatorTally {
  const schema = parseSchema(sampleSchema);
  if (!schema.ok) throw new Error(schema.refusal.message);
  const tally: ValidatorTally = { accepted: 0, refused: 0, impossible: 0 };
  for (let count = 0; count < policies; count += 1) {
    const text = writePolicy(randomOf(seed + count * 104729));
    const ours = verdictOf(text, schema.value);
    const theirs = oracleVerdict(text);
    if (ours !== theirs) throw new Error(`seed ${seed}: ours ${ours}, Cedar's ${theirs}\n${text}`);
    tally[ours] += 1;
  }
  return tally;
}

function verdictOf(text: string, schema: Schema): keyof ValidatorTally {
  const parsed = parsePolicies(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.refusal));
  const { errors, warnings } = validate(parsed.value, schema);
  if (errors.length > 0) return 'refused';
  return warnings.some(({ message }) => message.startsWith('no request'))
    ? 'impossible'
    : 'accepted';
}

function oracleVerdict(text: string): keyof ValidatorTally {
  const answer = wasmValidate({ schema: sampleSchema, policies: { staticPolicies: text } });
  if (answer.type === 'failure') throw new Error(answer.errors[0]?.message);
  if (answer.validationErrors.length > 0) return 'refused';
  const isImpossible = answer.validationWarnings.some(({ error }) =>
    error.message.includes('policy is impossible'),
  );
  return isImpossible ? 'impossible' : 'accepted';
}

export interface SchemaTally {
  accepted: number;
  refused: number;
}

/**
 * @throws Error where one parser takes a text that the other refuses, or where the JSON that Cedar
 *   makes of a text does not mean the same to us
 */
export function compareSchemaParsers(seed: number, texts: number): SchemaTally {
  const tally: SchemaTally = { accepted: 0, refused: 0 };
  for (let count = 0; count < texts; count += 1) {
    const random = randomOf(seed + count * 104729);
    const text = mutate(random, sampleSchema).toWellFormed();
    const ours = parseSchema(text);
    const theirs = checkParseSchema(text as WasmSchema).type === 'success';
    const where = `seed ${seed}, schema ${count}`;
    // Of an attribute that a record declares twice Cedar takes the last; we refuse it.
    const isTwice = !ours.ok && theirs && ours.refusal.message.endsWith('is declared twice');
    if (ours.ok !== theirs && !isTwice) {
      const said = ours.ok ? 'takes it' : JSON.stringify(ours.refusal);
      throw new Error(`${where}: ours ${said}, Cedar's ${theirs}\n${text}`);
    }
    if (!ours.ok) {
      tally.refused += 1;
      continue;
    }
    const json = schemaToJson(text as WasmSchema);
    const again = json.type === 'success' ? parseSchema(json.json) : undefined;
    if (again?.ok !== true || shown(again.value) !== shown(ours.value)) {
      throw new Error(`${where}: its JSON form is another schema\n${text}`);
    }
    tally.accepted += 1;
  }
  return tally;
}

/** Maps as lists in order of their names: the order of declarations means nothing. */
function shown(schema: Schema): string {
  return JSON.stringify(schema, (_, value: unknown) =>
    value instanceof Map ? [...value].sort(([left], [right]) => (left < right ? -1 : 1)) : value,
  );
}
