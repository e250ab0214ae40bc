/**
 * `npm run policy:differential [-- --decisions N --texts N --policies N --seed N]`: the policy
 * engine against cedar-wasm, longer than the tests do it: decisions, texts that parse or not,
 * policies that a schema allows or not. A difference ends it with seed, policies and request.
 */
import { parseArgs } from 'node:util';
import { compareDecisions } from '@mintmark/policy/conformance/differential';
import { compareParsers } from '@mintmark/policy/conformance/parser-differential';
import {
  compareSchemaParsers,
  compareValidators,
} from '@mintmark/policy/conformance/validator-differential';

const { values } = parseArgs({
  options: {
    decisions: { type: 'string', default: '1000000' },
    texts: { type: 'string', default: '20000' },
    policies: { type: 'string', default: '5000' },
    seed: { type: 'string', default: '1' },
  },
});
const seed = Number(values.seed);
const cpu = (): string =>
  `${Math.round((process.cpuUsage().user + process.cpuUsage().system) / 1e6)} s`;

console.log(`seed ${seed}`);
const { failures, ...tally } = compareDecisions(seed, Number(values.decisions));
const failed = [...failures.values()].reduce((sum, count) => sum + count, 0);
console.log(
  `${tally.decisions} decisions alike: ${tally.allowed} allowed, ${tally.forbidden} forbidden, ` +
    `${tally.withErrors} with errors; ${failed} failures of ${failures.size} kinds; ${cpu()}`,
);
console.log('texts alike:', compareParsers(seed, Number(values.texts)), cpu());
console.log('policies judged alike:', compareValidators(seed, Number(values.policies)), cpu());
const schemas = compareSchemaParsers(seed, Math.ceil(Number(values.policies) / 5));
console.log('schemas alike:', schemas, cpu());
