/** Holds what a request says against the rules of its route, as servers would read each value. */
import {
  type InjectionPlace,
  type InjectionRule,
  isJsonObject,
  type JsonValue,
  limits,
  type RouteInjection,
} from '@mintmark/core';
import { readPairs } from '@mintmark/policy';
import { judgeName, type Looked, valueJudges } from './rules.ts';

/** Where, and by which rule; never what stood there. */
export interface Suspicion {
  readonly in: InjectionPlace;
  readonly pointer: string;
  readonly rule: InjectionRule | 'unreadable' | 'too_many';
}

/** Looks at values one by one until there is enough to say. */
export class Look {
  readonly found: Suspicion[] = [];
  readonly #rule: RouteInjection;
  #valuesLeft: number = limits.inspectedValuesMax;

  constructor(rule: RouteInjection) {
    this.#rule = rule;
  }

  get isDone(): boolean {
    return this.found.length >= limits.misfitsMax || this.#valuesLeft < 0;
  }

  /** Segments of the path, decoded. */
  path(path: string): void {
    if (!this.#rule.places.includes('path')) return;
    for (const segment of path.split('/')) this.#value('path', [''], decoded(segment));
  }

  /** Of a query or a form. */
  pairs(place: 'query' | 'form', text: string): void {
    if (!this.#rule.places.includes(place)) return;
    const pairs = readPairs(text);
    if (pairs === undefined) {
      this.#note(place, [], 'unreadable');
      return;
    }
    for (const [name, values] of pairs) {
      if (this.isDone) return;
      this.#name(place, [name]);
      for (const value of values) this.#value(place, [name], value);
    }
  }

  headers(header: (name: string) => string | undefined): void {
    for (const name of this.#rule.headers) this.#value('header', [name], header(name) ?? '');
  }

  json(value: JsonValue, path: readonly string[] = []): void {
    if (this.isDone) return;
    if (typeof value === 'string') this.#value('json', path, value);
    else if (Array.isArray(value)) {
      for (const [index, one] of value.entries()) this.json(one, [...path, String(index)]);
    } else if (isJsonObject(value)) {
      for (const [name, one] of Object.entries(value)) {
        const inner = [...path, name];
        this.#name('json', inner);
        this.json(one, inner);
      }
    }
  }

  xml(text: string): void {
    this.#value('xml', [], text, ['xxe']);
  }

  unreadable(place: InjectionPlace): void {
    this.#note(place, [], 'unreadable');
  }

  #name(place: InjectionPlace, path: readonly string[]): void {
    for (const rule of this.#rule.rules) {
      if (judgeName(rule, path) && !this.#isExempt(place, path, rule)) {
        this.#note(place, path, rule);
      }
    }
  }

  #value(
    place: InjectionPlace,
    path: readonly string[],
    value: string,
    only: readonly InjectionRule[] = this.#rule.rules,
  ): void {
    if (--this.#valuesLeft < 0) {
      if (this.#valuesLeft === -1) this.#note(place, [], 'too_many');
      return;
    }
    if (value.length < 3 || this.isDone) return;
    const readings = readingsOf(value, place === 'query' || place === 'header' || place === 'path');
    for (const rule of this.#rule.rules) {
      if (rule === 'prototype' || !only.includes(rule)) continue;
      const judge = valueJudges[rule];
      if (readings.some(judge) && !this.#isExempt(place, path, rule)) {
        this.#note(place, path, rule);
      }
    }
  }

  #isExempt(place: InjectionPlace, path: readonly string[], rule: InjectionRule): boolean {
    return this.#rule.exempt.some((one) => {
      return one.in === place && one.rules.includes(rule) && isUnder(one.path, path);
    });
  }

  #note(place: InjectionPlace, path: readonly string[], rule: Suspicion['rule']): void {
    const names = path.map((name) => name.slice(0, limits.misfitNameCharsMax));
    this.found.push({ in: place, pointer: pointerOf(names), rule });
  }
}

function pointerOf(names: readonly string[]): string {
  const tokens = names.map((name) => name.replaceAll('~', '~0').replaceAll('/', '~1'));
  return tokens.map((token) => `/${token}`).join('');
}

/** Whether the exempted path is the place itself, or holds it. */
function isUnder(exempted: readonly string[], path: readonly string[]): boolean {
  const [first, ...rest] = exempted;
  if (first === undefined) return true;
  if (first === '**') {
    return path.some((_, index) => isUnder(rest, path.slice(index)));
  }
  const [name, ...inner] = path;
  return name !== undefined && (first === '*' || first === name) && isUnder(rest, inner);
}

/**
 * As it came; decoded once more, for servers that do; and with the wide forms of signs made plain,
 * for those that compare so.
 */
function readingsOf(value: string, isLine: boolean): readonly Looked[] {
  const text = value.slice(0, limits.inspectedValueCharsMax).replaceAll('\0', '');
  const readings = [text];
  if (text.includes('%')) {
    const again = decoded(text);
    if (again !== text) readings.push(again);
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what needs no second look
  if (/[^\x00-\x7f]/.test(text)) readings.push(text.normalize('NFKC'));
  return readings.map((one) => ({ text: one, lower: one.toLowerCase(), isLine }));
}

/** What can be decoded is; a broken escape stays. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replaceAll(/%([0-7][0-9a-f])/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }
}
