/** Cedar's schema as people write it (Cedar 4.5, "Human-readable schema format"). */
import { limits } from '@mintmark/core';
import { Cursor } from './cursor.ts';
import { isIdentifier } from './entity-uid.ts';
import { tokenize } from './lexer.ts';
import { Problem } from './policy-error.ts';
import {
  emptyNamespace,
  type RawAttribute,
  type RawNamespace,
  type RawType,
} from './raw-schema.ts';
import { unescapeString } from './string-literal.ts';

/** @throws Problem where the text is no schema */
export function readSchemaText(text: string): RawNamespace[] {
  const cursor = new Cursor(tokenize(text, limits.policyTokensMax));
  const outside = emptyNamespace('');
  const namespaces = [outside];
  while (cursor.token.kind !== 'end') {
    skipAnnotations(cursor);
    if (cursor.takeWord('namespace')) {
      const at = cursor.token.start;
      const name = readPath(cursor);
      if (namespaces.some((other) => other.name === name)) {
        throw new Problem('syntax', `the namespace ${name} stands twice`, at);
      }
      const namespace = emptyNamespace(name);
      namespaces.push(namespace);
      cursor.expectSymbol('{');
      while (!cursor.takeSymbol('}')) {
        skipAnnotations(cursor);
        readDeclaration(cursor, namespace);
      }
    } else {
      readDeclaration(cursor, outside);
    }
  }
  return namespaces;
}

function skipAnnotations(cursor: Cursor): void {
  const seen = new Set<string>();
  while (cursor.takeSymbol('@')) {
    const { text, start } = cursor.expectKind('name', 'the name of an annotation');
    if (seen.has(text)) throw new Problem('syntax', `the annotation ${text} stands twice`, start);
    seen.add(text);
    if (cursor.takeSymbol('(')) {
      readString(cursor, 'the text of an annotation in quotes');
      cursor.expectSymbol(')');
    }
  }
}

function readDeclaration(cursor: Cursor, namespace: RawNamespace): void {
  if (cursor.takeWord('entity')) readEntityTypes(cursor, namespace);
  else if (cursor.takeWord('action')) readActions(cursor, namespace);
  else if (cursor.takeWord('type')) readCommonType(cursor, namespace);
  else cursor.fail('expected "entity", "action", "type" or "namespace"');
}

function declare<T>(into: Map<string, T>, name: string, value: T & { readonly at?: number }): void {
  if (into.has(name)) throw new Problem('syntax', `${name} is declared twice`, value.at ?? 0);
  into.set(name, value);
}

function readEntityTypes(cursor: Cursor, namespace: RawNamespace): void {
  const at = cursor.token.start;
  const names = readNames(cursor, () => cursor.expectIdentifier('the name of a type').text);
  let choices: string[] | null = null;
  let memberOf: readonly string[] = [];
  let shape: RawType | null = null;
  let tags: RawType | null = null;
  if (cursor.takeWord('enum')) {
    cursor.expectSymbol('[');
    choices = readNames(cursor, () => readString(cursor, 'an id in quotes'));
    cursor.expectSymbol(']');
  } else {
    if (cursor.takeWord('in')) memberOf = readPaths(cursor);
    const hasShape = cursor.takeSymbol('=') || cursor.isSymbol('{');
    if (hasShape) shape = readRecord(cursor);
    if (cursor.takeWord('tags')) tags = readType(cursor);
  }
  cursor.expectSymbol(';');
  for (const name of names) {
    declare(namespace.entityTypes, name, { memberOf, shape, tags, choices, at });
  }
}

function readActions(cursor: Cursor, namespace: RawNamespace): void {
  const at = cursor.token.start;
  const names = readNames(cursor, () => readName(cursor));
  const memberOf = cursor.takeWord('in') ? readActionGroups(cursor) : [];
  let principalTypes: readonly string[] = [];
  let resourceTypes: readonly string[] = [];
  let context: RawType | null = null;
  if (cursor.takeWord('appliesTo')) {
    cursor.expectSymbol('{');
    const seen = new Set<string>();
    do {
      const { text: part, start } = cursor.expectKind('name', '"principal" or "resource"');
      if (seen.has(part)) throw new Problem('syntax', `${part} stands twice`, start);
      seen.add(part);
      cursor.expectSymbol(':');
      if (part === 'principal') principalTypes = readPaths(cursor);
      else if (part === 'resource') resourceTypes = readPaths(cursor);
      else if (part === 'context') context = readType(cursor);
      else throw new Problem('syntax', `an action has no ${part}`, start);
    } while (cursor.takeSymbol(',') && !cursor.isSymbol('}'));
    cursor.expectSymbol('}');
    if (principalTypes.length === 0 || resourceTypes.length === 0) {
      throw new Problem('syntax', 'an action that applies needs principals and resources', at);
    }
  }
  if (cursor.takeWord('attributes')) {
    cursor.expectSymbol('{');
    cursor.expectSymbol('}');
  }
  cursor.expectSymbol(';');
  for (const name of names) {
    declare(namespace.actions, name, { memberOf, principalTypes, resourceTypes, context, at });
  }
}

function readCommonType(cursor: Cursor, namespace: RawNamespace): void {
  const { text: name, start } = cursor.expectIdentifier('the name of a type');
  cursor.expectSymbol('=');
  const type = readType(cursor);
  cursor.expectSymbol(';');
  if (namespace.commonTypes.has(name)) {
    throw new Problem('syntax', `${name} is declared twice`, start);
  }
  namespace.commonTypes.set(name, type);
}

function readType(cursor: Cursor): RawType {
  return cursor.nested(limits.policyNestingMax, () => {
    if (cursor.isSymbol('{')) return readRecord(cursor);
    const at = cursor.token.start;
    if (cursor.isWord('Set') && cursor.next.text === '<') {
      cursor.advance();
      cursor.expectSymbol('<');
      const element = readType(cursor);
      cursor.expectSymbol('>');
      return { kind: 'set', element };
    }
    return { kind: 'name', name: readPath(cursor), of: 'anything', at };
  });
}

function readRecord(cursor: Cursor): RawType {
  cursor.expectSymbol('{');
  const attributes: RawAttribute[] = [];
  const seen = new Set<string>();
  while (!cursor.isSymbol('}')) {
    skipAnnotations(cursor);
    const { start } = cursor.token;
    const name = readName(cursor);
    if (seen.has(name)) throw new Problem('syntax', `${name} is declared twice`, start);
    seen.add(name);
    const required = !cursor.takeSymbol('?');
    cursor.expectSymbol(':');
    attributes.push({ name, type: readType(cursor), required });
    if (!cursor.takeSymbol(',')) break;
  }
  cursor.expectSymbol('}');
  return { kind: 'record', attributes };
}

function readActionGroups(cursor: Cursor): { type: string | null; id: string }[] {
  const read = (): { type: string | null; id: string } => {
    if (isString(cursor)) return { type: null, id: readName(cursor) };
    const words = [cursor.expectIdentifier('the name of an action').text];
    while (cursor.takeSymbol('::')) {
      if (isString(cursor)) return { type: words.join('::'), id: readName(cursor) };
      words.push(cursor.expectIdentifier('the name of an action').text);
    }
    if (words.length > 1) cursor.fail('expected the id of an action in quotes');
    return { type: null, id: words[0]! };
  };
  if (!cursor.takeSymbol('[')) return [read()];
  const groups = readNames(cursor, read);
  cursor.expectSymbol(']');
  return groups;
}

/** One or more, with commas between. */
function readNames<T>(cursor: Cursor, read: () => T): T[] {
  const names = [read()];
  while (cursor.takeSymbol(',')) names.push(read());
  return names;
}

function readPaths(cursor: Cursor): string[] {
  if (!cursor.takeSymbol('[')) return [readPath(cursor)];
  if (cursor.takeSymbol(']')) return [];
  const paths = readNames(cursor, () => readPath(cursor));
  cursor.expectSymbol(']');
  return paths;
}

/** A path may begin with `__cedar`, which names what the schema itself cannot declare anew. */
function readPath(cursor: Cursor): string {
  const words: string[] = [];
  do {
    const { text, start } = cursor.expectKind('name', 'a name');
    if (!isIdentifier(text) && !(text === '__cedar' && words.length === 0)) {
      throw new Problem('syntax', `${text} is a reserved word`, start);
    }
    words.push(text);
  } while (cursor.takeSymbol('::'));
  return words.join('::');
}

function isString(cursor: Cursor): boolean {
  return cursor.token.kind === 'string';
}

function readName(cursor: Cursor): string {
  if (isString(cursor)) return readString(cursor, 'a name');
  return cursor.expectIdentifier('a name').text;
}

function readString(cursor: Cursor, wanted: string): string {
  const raw = cursor.expectKind('string', wanted);
  return unescapeString(raw.text, raw.start + 1);
}
