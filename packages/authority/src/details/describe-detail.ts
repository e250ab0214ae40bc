/** An authorization detail in words, for the person who is asked: all of it, whatever its type. */
import { isJsonObject, type JsonObject, type JsonValue, type TenantId } from '@mintmark/core';
import type { DetailType } from './detail-type.ts';
import type { DetailTypesReader } from './types.ts';

export interface DescribedDetail {
  readonly sentence: string;
  /** What the sentence does not say. */
  readonly lines: readonly { readonly label: string; readonly value: string }[];
}

/**
 * @param type undefined where it has been taken away meanwhile: its name stands for the sentence
 * @param language BCP 47
 */
function describeDetail(
  type: DetailType | undefined,
  detail: JsonObject,
  language: string,
): DescribedDetail {
  const { type: name, ...rest } = detail;
  const values = new Map(leavesOf(rest));
  const said = new Set<string>();
  const inLanguage = (words: Readonly<Record<string, string>> | undefined) =>
    words?.[language] ?? words?.['en'];
  const template = inLanguage(type?.words) ?? String(name);
  const sentence = template.replace(/\{([^{}]+)\}/g, (_, path: string) => {
    said.add(path);
    return values.get(path) ?? '…';
  });
  const lines = [...values]
    .filter(([path]) => !said.has(path))
    .map(([path, value]) => ({ label: inLanguage(type?.labels[path]) ?? path, value }));
  return { sentence, lines };
}

/**
 * What is asked for in detail, as each type puts it into words.
 *
 * @param language BCP 47
 * @throws StoreFault
 */
export async function describedDetails(
  deps: { readonly detailTypes: Pick<DetailTypesReader, 'of'> },
  language: string,
  asked: { readonly tenant: TenantId; readonly details: readonly JsonObject[] | undefined },
): Promise<readonly DescribedDetail[]> {
  const { tenant, details } = asked;
  if (details === undefined) return [];
  const types = await deps.detailTypes.of(tenant);
  return details.map((one) => describeDetail(types.get(String(one['type'])), one, language));
}

/** Each value that is no object, by its path; a list of plain values is one. */
function leavesOf(value: JsonObject, path = ''): readonly (readonly [string, string])[] {
  return Object.entries(value).flatMap(([name, one]) => {
    const at = path === '' ? name : `${path}.${name}`;
    return isJsonObject(one) ? leavesOf(one, at) : [[at, textOf(one)] as const];
  });
}

function textOf(value: JsonValue): string {
  if (!Array.isArray(value)) return typeof value === 'string' ? value : JSON.stringify(value);
  const isPlain = value.every((one) => typeof one !== 'object');
  return isPlain ? value.join(', ') : JSON.stringify(value);
}
