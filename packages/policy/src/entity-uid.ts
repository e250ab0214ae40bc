/** The name of an entity: its type, namespace and all, and its id within the type. */
export class EntityUid {
  readonly type: string;
  readonly id: string;
  #key: string | undefined;

  /** @param type as `Namespace::Type`: names of letters, digits and `_`, joined by `::` */
  constructor(type: string, id: string) {
    this.type = type;
    this.id = id;
  }

  /** One string for each uid and no other: a type holds no quote, so the first one ends it. */
  get key(): string {
    this.#key ??= `${this.type}::"${this.id}"`;
    return this.#key;
  }

  equals(other: EntityUid): boolean {
    return this.id === other.id && this.type === other.type;
  }

  /** As Cedar writes it. */
  toString(): string {
    return `${this.type}::${JSON.stringify(this.id)}`;
  }
}

const reservedWords = new Set([
  'true',
  'false',
  'if',
  'then',
  'else',
  'in',
  'is',
  'has',
  'like',
  '__cedar',
]);

/** Cedar's identifiers, less its reserved words: what an attribute after a dot may be called. */
export function isIdentifier(text: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(text) && !reservedWords.has(text);
}

/** A type's name, such as `User` or `App::User`. */
export function isTypeName(text: string): boolean {
  return text.split('::').every(isIdentifier);
}

/** Whether entities of this type are actions: its last word says so. */
export function isActionType(type: string): boolean {
  return type === 'Action' || type.endsWith('::Action');
}
