import { canonicalJson, type JsonValue, limits, parseJson } from '@mintmark/core';
import { type Harness, invariant, utf8Text } from '../harness.ts';

export const parseJsonHarness: Harness = {
  name: 'parse-json',
  seeds: [
    '{"a":1,"b":[true,false,null],"c":{"d":"e"}}',
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '{"__proto__":{"x":1}}',
    '["\\ud83d\\ude00","\\ud800"]',
    '[1e308,1e309,-0,0.1]',
    '[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]',
    '{"a":"\\\\\\"{:"}',
  ],
  dictionary: [
    ...['{', '}', '[', ']', '"', ':', ',', '\\"', '\\\\', '\\u0061', '\\ud800', '\\udc00', ' '],
    ...['"a":', '"__proto__":', 'null', 'true', '1e999', '-0', '\ufeff', '\u2028', '"', '\t'],
  ],
  run(input) {
    const text = utf8Text(input);
    const result = parseJson(text);
    const platform = platformParse(text);
    if (!result.ok) {
      const { reason } = result.refusal;
      // Where the platform accepts, "not JSON" may only mean what RFC 7493 excludes.
      if (platform !== undefined && reason === 'not_json') {
        const unfaithful = !isFaithful(platform.value);
        invariant(unfaithful, 'refused as not JSON what is faithful JSON');
      }
      return reason;
    }
    invariant(platform !== undefined, 'accepted what is not JSON');
    invariant(colonsOf(text) === membersOf(result.value), 'a member got lost');
    const canonical = canonicalJson(result.value);
    invariant(canonical === canonicalJson(platform.value), 'another value than JSON.parse');
    const again = parseJson(canonical);
    invariant(again.ok && canonicalJson(again.value) === canonical, 'canonical form is not stable');
    const depth = depthOf(result.value);
    invariant(depth <= limits.jsonDepthMax, 'deeper than the bound');
    return `accepted depth ${depth}`;
  },
};

function platformParse(text: string): { readonly value: JsonValue } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function isFaithful(value: JsonValue): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([name, each]) => name.isWellFormed() && isFaithful(each));
}

function depthOf(value: JsonValue): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

/** One a member, in a text that is JSON. */
function colonsOf(text: string): number {
  return text.replace(/"(?:[^"\\]|\\.)*"/g, '').split(':').length - 1;
}

function membersOf(value: JsonValue): number {
  if (typeof value !== 'object' || value === null) return 0;
  const own = Array.isArray(value) ? 0 : Object.keys(value).length;
  return Object.values(value).reduce<number>((sum, each) => sum + membersOf(each), own);
}
