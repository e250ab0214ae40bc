/**
 * `mintmark audit export` and `verify`: the log as a file, and the proof that nobody changed it.
 */
import { createReadStream } from 'node:fs';
import type { ExportReport } from '@mintmark/authority';
import {
  base64urlDecode,
  base64urlEncode,
  ConfigFault,
  err,
  ok,
  type Result,
  utf8,
} from '@mintmark/core';
import type { Api } from '../api/api.ts';
import type { Command, CommandRefusal, Invocation, Outcome } from '../command.ts';
import { fields, type Style } from '../style.ts';
import { type Item, usage } from './send.ts';

const personal = {
  flags: '--personal',
  description: 'with addresses and the like; needs the permission audit:personal',
};

export const auditExport: Command = {
  name: 'audit export',
  summary: 'writes the whole log to standard output, to be verified by anybody',
  description: 'NDJSON. "mintmark audit verify FILE" needs neither server nor keys.',
  options: [
    { flags: '--after <size>', description: 'only what came behind so many records' },
    personal,
  ],
  examples: [['mintmark audit export > audit.ndjson', 'everything so far']],
  async run(invocation) {
    const api = await invocation.api();
    if (!api.ok) return api;
    const { options, ports } = invocation;
    const query = {
      after: options.text('after'),
      personal: options.flag('personal') ? 'include' : undefined,
    };
    const pages = readPages(api.value, query);
    for await (const text of pages.texts) ports.terminal.write(text);
    const refusal = pages.refusal();
    // With --json too the lines are the answer: they are JSON already.
    return refusal === undefined ? ok({ json: undefined, text: () => '' }) : err(refusal);
  },
};

export const auditVerify: Command = {
  name: 'audit verify',
  summary: 'verifies the audit log: nothing edited, moved, doubled or cut off',
  description:
    'Without FILE it reads the whole log from the server and judges it here. A log that was ' +
    'rewritten whole is found by --anchor with a head that was noted earlier. Records that still ' +
    'wait for their place are named. Exits 1 when something is wrong.',
  operands: [
    { name: '[file]', description: 'an export, - for standard input; default the server' },
  ],
  options: [
    { flags: '--anchor <heads...>', description: 'SIZE:CHAIN, as an earlier run printed it' },
  ],
  examples: [
    ['mintmark audit verify', 'the log of the server'],
    ['mintmark audit verify audit.ndjson', 'an export, offline'],
    ['mintmark audit verify --anchor 1042:I2ZL8brm…', 'and that it goes on from an earlier head'],
  ],
  async run(invocation) {
    const anchors = anchorsOf(invocation.options.list('anchor') ?? []);
    if (!anchors.ok) return anchors;
    const file = invocation.operands[0] as string | undefined;
    return file === undefined
      ? verifyServer(invocation, anchors.value)
      : verifyFile(invocation, file, anchors.value);
  },
};

/** Loaded only by the command that judges. */
const authority = () => import('@mintmark/authority');

type Anchors = readonly { readonly size: number; readonly chain: Uint8Array }[];

async function verifyFile({ ports }: Invocation, file: string, anchors: Anchors): Promise<Outcome> {
  const chunks = file === '-' ? once(await ports.terminal.readInput()) : read(file);
  const { verifyExport } = await authority();
  return verdict(await verifyExport(chunks, { anchors, whole: true }), undefined);
}

async function verifyServer(invocation: Invocation, anchors: Anchors): Promise<Outcome> {
  const api = await invocation.api();
  if (!api.ok) return api;
  const own = await api.value.call({ method: 'GET', path: '/v1/audit/verify' });
  if (!own.ok) return own;
  const { verifyExport } = await authority();
  const pages = readPages(api.value, {});
  const report = await verifyExport(bytesOf(pages.texts), { anchors, whole: true });
  const refusal = pages.refusal();
  return refusal === undefined ? verdict(report, own.value.body) : err(refusal);
}

/** @param own what the server says of its log, which knows more than its export shows */
function verdict(report: ExportReport, own: Item | undefined): Outcome {
  const { head } = report;
  const isSound = report.ok && own?.['ok'] !== false;
  const json = {
    ok: isSound,
    head: { size: head.size, chain: base64urlEncode(head.chain) },
    problems: report.problems,
    problems_total: report.problemsTotal,
    ...(own === undefined
      ? {}
      : { unsequenced: own['unsequenced'], personal: own['personal'], server: own['problems'] }),
  };
  return ok({ json, text: (style) => verdictText(style, json), negative: !isSound });
}

function verdictText(
  style: Style,
  json: {
    readonly ok: boolean;
    readonly head: { readonly size: number; readonly chain: string };
    readonly problems: readonly unknown[];
    readonly problems_total: number;
    readonly unsequenced?: unknown;
    readonly server?: unknown;
  },
): string {
  const { head, problems } = json;
  const waiting = json.unsequenced as { readonly count?: number } | undefined;
  const told = [...problems, ...((json.server ?? []) as readonly unknown[])];
  return [
    json.ok ? style.good('sound') : style.bad(`broken: ${json.problems_total} problems`),
    fields(style, [
      ['records', head.size],
      ['waiting', waiting?.count],
      ['head', `${head.size}:${head.chain}`],
    ]),
    ...told.map((problem) => `  ${JSON.stringify(problem)}`),
  ].join('\n');
}

interface Pages {
  /** Text by text; ends where there is no more, or the server refused. */
  readonly texts: AsyncGenerator<string>;
  refusal(): CommandRefusal | undefined;
}

/** Pages of the export, one behind the other as their links lead. */
function readPages(api: Api, first: Readonly<Record<string, string | undefined>>): Pages {
  let refusal: CommandRefusal | undefined;
  async function* texts(): AsyncGenerator<string> {
    let query: Record<string, string | undefined> | undefined = { ...first };
    while (query !== undefined) {
      const answer = await api.call({ method: 'GET', path: '/v1/audit/export', query });
      if (!answer.ok) {
        refusal = answer.refusal;
        return;
      }
      yield answer.value.text;
      const { next } = answer.value;
      query = next === undefined ? undefined : Object.fromEntries(new URLSearchParams(next));
    }
  }
  return { texts: texts(), refusal: () => refusal };
}

async function* bytesOf(texts: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  for await (const text of texts) yield utf8(text);
}

function anchorsOf(texts: readonly string[]): Result<Anchors, CommandRefusal> {
  const anchors: { size: number; chain: Uint8Array }[] = [];
  for (const text of texts) {
    const [, size, chain = ''] = /^(\d{1,15}):([\w-]+)$/.exec(text) ?? [];
    const bytes = base64urlDecode(chain);
    if (size === undefined || bytes?.length !== 32) {
      return usage(`--anchor "${text}" is not SIZE:CHAIN`, 'copy the head of an earlier run');
    }
    anchors.push({ size: Number(size), chain: bytes });
  }
  return ok(anchors);
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield utf8(text);
}

async function* read(file: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of createReadStream(file)) yield chunk as Uint8Array;
  } catch (cause) {
    throw new ConfigFault('file_unreadable', `${file} cannot be read`, {
      cause,
      hint: 'check the path, and who may read the file',
    });
  }
}
