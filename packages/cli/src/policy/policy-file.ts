/**
 * Policies in files: Cedar text by itself, or YAML with everything that stands beside it, as the
 * management API and `mintmark apply` take it. Text may stand in a file of its own.
 */
import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import {
  ConfigFault,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  ok,
  type Result,
} from '@mintmark/core';
import { parseDocument } from 'yaml';
import type { CommandRefusal } from '../command.ts';
import { usage } from '../commands/send.ts';

export interface PolicyFile {
  readonly file: string;
  readonly name: string;
  readonly reason: string | undefined;
  readonly stage: string | undefined;
  /** As `readPolicyDocument` reads it. */
  readonly document: JsonObject;
}

/**
 * @param files paths of `.cedar`, YAML or JSON; a file with the section `policies` holds several
 * @returns refusal: usage, naming file and place
 * @throws ConfigFault `file_unreadable`
 */
export async function readPolicyFiles(
  files: readonly string[],
): Promise<Result<readonly PolicyFile[], CommandRefusal>> {
  const policies: PolicyFile[] = [];
  for (const file of files) {
    const text = await readText(file);
    if (file.endsWith('.cedar')) {
      const name = basename(file, '.cedar');
      policies.push({ file, name, reason: undefined, stage: undefined, document: { cedar: text } });
      continue;
    }
    const parsed = parseYaml(file, text);
    if (!parsed.ok) return parsed;
    const { policies: section } = parsed.value;
    for (const one of Array.isArray(section) ? section : [parsed.value]) {
      if (!isJsonObject(one)) return usage(`${file}: a policy is not an object`);
      const read = await readOne(file, one);
      if (!read.ok) return read;
      policies.push(read.value);
    }
  }
  return ok(policies);
}

/** A document in YAML or JSON. @throws ConfigFault `file_unreadable` */
export async function readYamlFile(file: string): Promise<Result<JsonObject, CommandRefusal>> {
  return parseYaml(file, await readText(file));
}

async function readOne(
  file: string,
  members: JsonObject,
): Promise<Result<PolicyFile, CommandRefusal>> {
  const { name, reason, stage, ...rest } = await withTexts(file, members);
  if (typeof name !== 'string') {
    return usage(`${file}: a policy has no name`, 'write "name: …" beside "cedar"');
  }
  const textOf = (value: JsonValue | undefined) => (typeof value === 'string' ? value : undefined);
  return ok({ file, name, reason: textOf(reason), stage: textOf(stage), document: rest });
}

/**
 * With the texts that stand in files of their own: `cedar_file` and `schema_file`, from where the
 * file itself is.
 *
 * @throws ConfigFault `file_unreadable`
 */
export async function withTexts(file: string, members: JsonObject): Promise<JsonObject> {
  const { cedar_file: cedarFile, schema_file: schemaFile, ...rest } = members;
  const read = (path: JsonValue) => readText(resolve(dirname(file), String(path)));
  return {
    ...rest,
    ...(cedarFile === undefined ? {} : { cedar: await read(cedarFile) }),
    ...(schemaFile === undefined ? {} : { schema: await read(schemaFile) }),
  };
}

function parseYaml(file: string, text: string): Result<JsonObject, CommandRefusal> {
  // JSON is YAML, so one parser reads both.
  const document = parseDocument(text, { schema: 'core' });
  const error = document.errors[0];
  if (error !== undefined) {
    const line = error.linePos?.[0].line;
    return usage(`${file}, line ${line}: ${error.message.split('\n')[0]}`);
  }
  const value: JsonValue = document.toJS({ maxAliasCount: 100 });
  return isJsonObject(value) ? ok(value) : usage(`${file} holds no object`);
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new ConfigFault('file_unreadable', `${file} cannot be read`, {
      cause,
      hint: 'check the path, and who may read the file',
    });
  }
}
