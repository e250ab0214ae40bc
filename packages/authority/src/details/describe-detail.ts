/** An authorization detail in words, for the person who is asked: all of it, whatever its type. */
import { isJsonObject, type JsonObject, type JsonValue } from '@mintmark/core';
import type { DetailType } from './detail-type.ts';

export interface DescribedDetail {
  readonly sentence: string;
  /** What the sentence does not say. */
  readonly lines: readonly { readonly label: string; readonly value: string }[];
}

/**
 * @param type undefined where it has been taken away meanwhile: its name stands for the sentence
 * @param language BCP 47
 */
export function describeDetail(
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
