/** `mintmark policy check`, `test` and `schema`: what needs no server. */
import { ok } from '@mintmark/core';
import {
  cedarSchemaOf,
  type DocumentError,
  preparePolicy,
  readOpenApi,
  readPolicyDocument,
  runTests,
  type TestOutcome,
  versionViewOf,
} from '@mintmark/policy';
import type { Command } from '../command.ts';
import { type PolicyFile, readPolicyFiles, readYamlFile } from '../policy/policy-file.ts';
import { printable, type Style } from '../style.ts';
import { usage } from './send.ts';

const filesOperand = {
  name: '<files...>',
  description: 'files of Cedar (.cedar), or YAML with "cedar", "tests" and more',
};

interface Checked {
  readonly policy: PolicyFile;
  readonly errors: readonly DocumentError[];
}

const check: Command = {
  name: 'policy check',
  summary: 'says whether policies can be read, without a server',
  description:
    'Cedar by its grammar and, where a schema stands beside it, by its types; entities and tests ' +
    'by their form. Exit code 1 where anything is wrong.',
  operands: [filesOperand],
  examples: [['mintmark policy check policies/*.yaml', 'as a pre-commit hook']],
  async run({ operands }) {
    const read = await readPolicyFiles(operands[0] as readonly string[]);
    if (!read.ok) return read;
    const checked = read.value.map(checkOne);
    const isGood = checked.every(({ errors }) => errors.length === 0);
    return ok({
      json: { policies: checked.map(({ policy, errors }) => ({ name: policy.name, errors })) },
      text: (style) => checked.map((one) => checkedLines(style, one)).join('\n'),
      negative: !isGood,
    });
  },
};

function checkOne(policy: PolicyFile): Checked {
  const read = readPolicyDocument(policy.document);
  return { policy, errors: read.ok ? [] : read.refusal };
}

function checkedLines(style: Style, { policy, errors }: Checked): string {
  if (errors.length === 0) return style.good(`ok  ${printable(policy.name)}`);
  const lines = errors.map(({ pointer, message }) => `  ${pointer} ${printable(message)}`);
  return [style.bad(`bad ${printable(policy.name)} (${policy.file})`), ...lines].join('\n');
}

interface Tested extends Checked {
  readonly outcomes: readonly TestOutcome[];
}

const test: Command = {
  name: 'policy test',
  summary: 'runs the tests beside policies, without a server',
  description:
    'Each test asks its own policy alone. Exit code 1 where a policy cannot be read, a test ' +
    'fails, or there is none at all.',
  operands: [filesOperand],
  examples: [['mintmark policy test policies/*.yaml', 'in continuous integration']],
  async run({ operands }) {
    const read = await readPolicyFiles(operands[0] as readonly string[]);
    if (!read.ok) return read;
    const tested = read.value.map(testOne);
    const outcomes = tested.flatMap((one) => one.outcomes);
    const failed = outcomes.filter(({ passed }) => !passed).length;
    const isGood = failed === 0 && tested.every(({ errors }) => errors.length === 0);
    const counts = `${outcomes.length - failed} passed, ${failed} failed`;
    return ok({
      json: {
        passed: outcomes.length - failed,
        failed,
        policies: tested.map(({ policy, errors, outcomes: tests }) => {
          return { name: policy.name, errors, tests };
        }),
      },
      text: (style) => [...tested.flatMap((one) => testedLines(style, one)), counts].join('\n'),
      negative: !isGood || outcomes.length === 0,
    });
  },
};

function testOne(policy: PolicyFile): Tested {
  const read = readPolicyDocument(policy.document);
  if (!read.ok) return { policy, errors: read.refusal, outcomes: [] };
  const { enforced } = preparePolicy(policy.name, { enforced: versionViewOf(policy.document, 1) });
  const { tests } = read.value.document;
  return { policy, errors: [], outcomes: enforced === undefined ? [] : runTests(enforced, tests) };
}

function testedLines(style: Style, { policy, errors, outcomes }: Tested): readonly string[] {
  if (errors.length > 0) return [checkedLines(style, { policy, errors })];
  const name = printable(policy.name);
  return outcomes.flatMap((outcome) => {
    const claim = `${name}: ${printable(outcome.name)}`;
    if (outcome.passed) return [style.good(`ok   ${claim}`)];
    return [style.bad(`FAIL ${claim}`), ...outcome.notes.map((note) => `     ${printable(note)}`)];
  });
}

const schema: Command = {
  name: 'policy schema',
  summary: 'writes the Cedar schema of what gateways ask',
  description:
    'With an OpenAPI description its operations are the actions; without one the methods are. ' +
    'A policy that names the schema is held to it.',
  operands: [{ name: '[openapi]', description: 'an OpenAPI description, YAML or JSON' }],
  examples: [
    ['mintmark policy schema petstore.yaml > petstore.cedarschema', 'for "schema_file"'],
    ['mintmark policy schema', 'of routes without an API'],
  ],
  async run({ operands }) {
    const file = operands[0] as string | undefined;
    if (file === undefined) return shown(cedarSchemaOf([]));
    const document = await readYamlFile(file);
    if (!document.ok) return document;
    const api = readOpenApi(document.value);
    if (!api.ok) return usage(`${file}${api.refusal.pointer}: ${api.refusal.message}`);
    return shown(cedarSchemaOf(api.value.operations));
  },
};

function shown(text: string) {
  return ok({ json: { schema: text }, text: () => text.trimEnd() });
}

export const offlinePolicyCommands: readonly Command[] = [check, test, schema];
