/**
 * Joins the configuration from its sources. Nearest wins: flag, then environment, then file, then
 * default. Unknown keys of the file are errors, because a mistyped security setting must not pass
 * for a default; unknown environment names only warn, because platforms inject some of their own.
 */
import { ConfigFault, suggest } from '@mintmark/core';
import { isAlias, isMap, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { z } from 'zod';
import { type Config, configSchema } from './schema.ts';
import { otherEnvironment, type Setting, settings } from './settings.ts';

export interface ConfigSources {
  /** Text of the file and its name for messages; undefined where there is none. */
  readonly file: { readonly name: string; readonly text: string } | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** By flag name, without dashes. */
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
}

export interface LoadedConfig {
  readonly config: Config;
  readonly warnings: readonly string[];
}

/** @throws ConfigFault `config_syntax`, `config_invalid`, naming each place and what to write */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const { name, document, lineOf } = readFile(sources.file);
  const problems: string[] = [];
  const merged = structuredClone(document);
  const origin = new Map<string, string>();
  for (const setting of settings) {
    const given = givenValue(setting, sources);
    if (given === undefined) continue;
    origin.set(setting.path.join('.'), given.from);
    const value = convert(setting, given.value);
    if (value === undefined) problems.push(`${given.from}: must be a ${setting.kind}`);
    else assign(merged, setting.path, value);
  }
  const parsed = configSchema.safeParse(merged);
  if (!parsed.success) {
    problems.push(
      ...parsed.error.issues.flatMap((issue) => describe(issue, { name, lineOf, origin })),
    );
  } else problems.push(...contradictions(parsed.data, origin));
  if (parsed.success && problems.length === 0) {
    return { config: parsed.data, warnings: warningsOf(sources, parsed.data) };
  }
  throw new ConfigFault(
    'config_invalid',
    `the configuration is not usable\n  ${problems.join('\n  ')}`,
    {
      hint: 'mend the places named above; docs/configuration.md lists every setting',
    },
  );
}

interface ReadFile {
  readonly name: string;
  readonly document: Record<string, unknown>;
  lineOf(path: readonly PropertyKey[]): number | undefined;
}

function readFile(file: ConfigSources['file']): ReadFile {
  if (file === undefined) return { name: '', document: {}, lineOf: () => undefined };
  const lines = new LineCounter();
  const document = parseDocument(file.text, { lineCounter: lines, schema: 'core' });
  const error = document.errors[0];
  const isEmpty = document.contents === null;
  let hasAlias = false;
  visit(document, (_, node) => {
    hasAlias ||= isAlias(node);
  });
  // Aliases of aliases grow without bound, and no setting needs one.
  if (error !== undefined || hasAlias || !(isEmpty || isMap(document.contents))) {
    const where = error?.linePos?.[0];
    const at = where === undefined ? '' : ` line ${where.line}, column ${where.col}:`;
    const otherwise = hasAlias ? 'aliases are not read' : 'is not a list of settings';
    const what = error?.message.split('\n')[0] ?? otherwise;
    throw new ConfigFault('config_syntax', `${file.name}:${at} ${what}`, {
      hint: 'the file is YAML with one setting a line, such as "issuer: https://id.example"',
    });
  }
  const { name } = file;
  return {
    name,
    document: isEmpty ? {} : (document.toJS() as Record<string, unknown>),
    lineOf(path) {
      const parent = document.getIn(path.slice(0, -1), true);
      const node = path.length === 1 ? document.contents : parent;
      if (!isMap(node)) return undefined;
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === path.at(-1));
      const start = isScalar(pair?.key) ? pair.key.range?.[0] : undefined;
      return start === undefined ? undefined : lines.linePos(start).line;
    },
  };
}

function givenValue(
  setting: Setting,
  sources: ConfigSources,
): { readonly value: string | boolean; readonly from: string } | undefined {
  const flag = sources.flags[setting.flag];
  if (flag !== undefined) return { value: flag, from: `--${setting.flag}` };
  const variable = sources.environment[setting.environment];
  if (variable !== undefined && variable !== '') {
    return { value: variable, from: setting.environment };
  }
  return undefined;
}

/** @returns undefined where the text does not say a value of that kind */
function convert(setting: Setting, value: string | boolean): unknown {
  switch (setting.kind) {
    case 'text':
      return typeof value === 'string' ? value : undefined;
    case 'integer':
      return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
    case 'boolean':
      if (typeof value === 'boolean') return value;
      return value === 'true' ? true : value === 'false' ? false : undefined;
    case 'list':
      if (typeof value !== 'string') return undefined;
      return value.split(',').map((part) => part.trim());
  }
}

function assign(into: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let place = into;
  for (const key of path.slice(0, -1)) {
    const next = place[key];
    // A file that says nonsense here is refused by the schema, unless the whole of it is replaced.
    if (typeof next !== 'object' || next === null) place[key] = {};
    place = place[key] as Record<string, unknown>;
  }
  place[path.at(-1)!] = value;
}

interface Places {
  readonly name: string;
  readonly lineOf: ReadFile['lineOf'];
  readonly origin: ReadonlyMap<string, string>;
}

function describe(issue: z.core.$ZodIssue, places: Places): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const near = suggest(key, keysAt(issue.path));
      const hint = near === undefined ? '' : `; did you mean "${near}"?`;
      return `${placeOf([...issue.path, key], places)}: unknown key${hint}`;
    });
  }
  const message = issue.message.replace(/^Invalid input: /, '');
  return [`${placeOf(issue.path, places)}: ${message}`];
}

function placeOf(path: readonly PropertyKey[], { name, lineOf, origin }: Places): string {
  const dotted = path.join('.');
  const from = origin.get(path.filter((part) => typeof part === 'string').join('.'));
  if (from !== undefined) return from;
  const line = lineOf(path);
  return line === undefined ? `${name} ${dotted}`.trim() : `${name} line ${line}, ${dotted}`;
}

/** Known keys at a place of the file. */
function keysAt(path: readonly PropertyKey[]): string[] {
  const under = settings.filter((one) => path.every((key, index) => one.path[index] === key));
  return [...new Set(under.map((one) => one.path[path.length]).filter((key) => key !== undefined))];
}

/** What each setting allows by itself, but not together. */
function contradictions(config: Config, origin: ReadonlyMap<string, string>): string[] {
  const problems: string[] = [];
  if (holdsPassword(config.database) && !origin.has('database')) {
    problems.push('database: holds a password; write env:NAME or file:PATH, and the URL there');
  }
  if (config.cache.url?.includes('@') === true) {
    problems.push('cache.url: holds a password; write cache.password: env:NAME or file:PATH');
  }
  for (const section of ['authority', 'gateway'] as const) {
    const { tls_cert, tls_key } = config[section];
    if ((tls_cert === undefined) !== (tls_key === undefined)) {
      problems.push(`${section}: tls_cert and tls_key come together`);
    }
  }
  if (config.custody.key_file !== undefined && config.custody.passphrase !== undefined) {
    problems.push('custody: either key_file or passphrase');
  }
  return problems;
}

function holdsPassword(database: string | undefined): boolean {
  return database !== undefined && /^postgres(?:ql)?:\/\/[^/@]*:[^/@]+@/.test(database);
}

function warningsOf(sources: ConfigSources, config: Config): string[] {
  const warnings: string[] = [];
  if (sources.flags['database'] !== undefined && holdsPassword(config.database)) {
    warnings.push('--database shows its password to every process list; use MINTMARK_DATABASE');
  }
  const known = [...settings.map((setting) => setting.environment), ...otherEnvironment];
  const unknown = Object.keys(sources.environment).filter(
    (name) => name.startsWith('MINTMARK_') && !known.includes(name),
  );
  for (const name of unknown) {
    const near = suggest(name, known);
    const hint = near === undefined ? '' : `; did you mean ${near}?`;
    warnings.push(`${name} is not a setting${hint}`);
  }
  return warnings;
}
