/** Policies as text, made so that every operator, every function and every error is met. */
import type { Random } from './random.ts';
import {
  actions,
  addresses,
  attributeNames,
  attributes,
  datetimes,
  decimals,
  durations,
  entityTypes,
  ids,
  type Kind,
  kinds,
  longs,
  malformed,
  randomUid,
  texts,
  type UidJson,
} from './world.ts';

export function writePolicy(random: Random): string {
  const effect = random.chance(70) ? 'permit' : 'forbid';
  const annotation = random.chance(10) ? `@note(${quoted(random.pick(texts))})\n` : '';
  const scope = [
    writeEntityScope(random, 'principal'),
    writeActionScope(random),
    writeEntityScope(random, 'resource'),
  ].join(', ');
  const count = random.pick([0, 1, 1, 1, 1, 2]);
  const conditions = Array.from({ length: count }, () => {
    const kind = random.chance(75) ? 'when' : 'unless';
    return `\n  ${kind} { ${write(random, 'bool', 4)} }`;
  });
  return `${annotation}${effect} (${scope})${conditions.join('')};`;
}

export function quoted(text: string): string {
  // JSON escapes what Cedar escapes, but for its four hexadecimal digits.
  return JSON.stringify(text).replace(/\\u([0-9a-f]{4})/g, '\\u{$1}');
}

function writeUid({ type, id }: UidJson): string {
  return `${type}::${quoted(id)}`;
}

function writeEntityScope(random: Random, variable: 'principal' | 'resource'): string {
  const types = variable === 'principal' ? ['User', 'Group'] : ['App::Doc', 'App::Folder'];
  const uid = writeUid({ type: random.pick(types), id: random.pick(ids) });
  const type = random.pick(types);
  return random.pick([
    variable,
    variable,
    variable,
    `${variable} == ${uid}`,
    `${variable} in ${uid}`,
    `${variable} is ${type}`,
    `${variable} is ${type}`,
    `${variable} is ${type} in ${uid}`,
  ]);
}

function writeActionScope(random: Random): string {
  const list = actions.filter(() => random.chance(40)).map(writeUid);
  return random.pick([
    'action',
    'action',
    `action == ${writeUid(random.pick(actions))}`,
    `action in ${writeUid(random.pick(actions))}`,
    `action in [${list.join(', ')}]`,
  ]);
}

type Write = (random: Random, depth: number) => string;

/** An expression that mostly has the type asked for. */
function write(random: Random, kind: Kind, depth: number): string {
  const wanted = random.chance(96) ? kind : random.pick(kinds);
  if (depth <= 0) return writeLeaf(random, wanted);
  const general: readonly Write[] = [
    writeAttribute(wanted),
    writeAttribute(wanted),
    (r, d) => `(if ${write(r, 'bool', d)} then ${write(r, wanted, d)} else ${write(r, wanted, d)})`,
    (r) => writeLeaf(r, wanted),
    (r, d) => `(${write(r, wanted, d)})`,
    (r, d) => `{"k": ${write(r, wanted, d)}, z: 1}.k`,
    (r, d) => `${writeTarget(r, d)}.getTag(${quoted(nameOf(r, wanted))})`,
  ];
  const special = forms[wanted];
  const from = random.chance(60) ? special : general;
  return random.pick(from)(random, depth - 1);
}

function nameOf(random: Random, kind: Kind): string {
  const fitting = attributeNames.filter((name) => attributes.get(name) === kind);
  return random.pick(random.chance(95) && fitting.length > 0 ? fitting : attributeNames);
}

function access(name: string): string {
  return /^[a-z]+$/.test(name) ? `.${name}` : `[${quoted(name)}]`;
}

function writeAttribute(kind: Kind): Write {
  return (random, depth) => {
    const target = writeTarget(random, depth);
    const path = random.chance(15) ? `${target}.nested` : target;
    const name = nameOf(random, kind);
    const read = `${path}${access(name)}`;
    if (kind !== 'bool' || random.chance(30)) return read;
    return `(${path} has ${/^[a-z]+$/.test(name) ? name : quoted(name)} && ${read})`;
  };
}

function writeTarget(random: Random, depth: number): string {
  const variable = random.pick(['principal', 'resource', 'context', 'context', 'action']);
  if (random.chance(85)) return variable;
  return random.chance(50) ? `${variable}.owner` : `(${write(random, 'entity', depth - 1)})`;
}

function writeLeaf(random: Random, kind: Kind): string {
  switch (kind) {
    case 'bool':
      return random.pick(['true', 'false']);
    case 'long':
      return writeLong(random);
    case 'string':
      return quoted(random.pick(random.chance(80) ? texts : ids));
    case 'entity':
      return random.chance(50)
        ? random.pick(['principal', 'action', 'resource'])
        : writeUid(randomUid(random));
    case 'set':
      return random.pick(['[]', '[1, 2]', '["a", "ab"]', '[1, 1, "a"]', '[[1], [1, 1]]']);
    case 'record':
      return random.pick([
        '{}',
        'context',
        '{level: 1, name: "a"}',
        '{"needs quotes": {ok: true}}',
      ]);
    case 'ipaddr':
      return `ip(${quoted(pickText(random, addresses))})`;
    case 'decimal':
      return `decimal(${quoted(pickText(random, decimals))})`;
    case 'datetime':
      return `datetime(${quoted(pickText(random, datetimes))})`;
    case 'duration':
      return `duration(${quoted(pickText(random, durations))})`;
    default:
      throw new Error(kind satisfies never);
  }
}

function pickText(random: Random, from: readonly string[]): string {
  return random.pick(random.chance(92) ? from : malformed);
}

function writeLong(random: Random): string {
  const edge = random.pick(['9223372036854775807', '-9223372036854775808', '9007199254740993']);
  return random.chance(90) ? String(random.pick(longs)) : edge;
}

const binary =
  (operator: string, left: Kind, right: Kind = left): Write =>
  (random, depth) =>
    `(${write(random, left, depth)} ${operator} ${write(random, right, depth)})`;

const method =
  (name: string, target: Kind, argument?: Kind): Write =>
  (random, depth) => {
    const parameters = argument === undefined ? [] : [write(random, argument, depth)];
    // Cedar counts the arguments of an extension's method only when it is called.
    const isOperator = /^contains|^isEmpty|Tag$/.test(name);
    if (!isOperator && random.chance(1)) parameters.push('1');
    return `(${write(random, target, depth)}).${name}(${parameters.join(', ')})`;
  };

const equality: Write = (random, depth) => {
  const kind = random.pick(kinds);
  return binary(random.pick(['==', '==', '!=']), kind)(random, depth);
};

const order: Write = (random, depth) => {
  const kind = random.pick(['long', 'long', 'datetime', 'duration'] as const);
  return binary(random.pick(['<', '<=', '>', '>=']), kind)(random, depth);
};

const isIn: Write = (random, depth) => {
  const list = Array.from({ length: random.below(4) }, () => write(random, 'entity', depth - 1));
  const right = random.chance(50) ? write(random, 'entity', depth) : `[${list.join(', ')}]`;
  const above = random.chance(90) ? right : write(random, 'set', depth);
  const left = write(random, 'entity', depth);
  const is = random.chance(30) ? `is ${random.pick(entityTypes)} ` : '';
  return random.chance(20)
    ? `(${left} is ${random.pick(entityTypes)})`
    : `(${left} ${is}in ${above})`;
};

const has: Write = (random, depth) => {
  const target = random.chance(70)
    ? writeTarget(random, depth)
    : `(${write(random, random.pick(['record', 'entity'] as const), depth)})`;
  const name = random.pick(attributeNames);
  if (!/^[a-z]+$/.test(name)) return `(${target} has ${quoted(name)})`;
  const path = random.chance(20) ? `nested.${name}` : random.chance(20) ? `${name}.level` : name;
  return `(${target} has ${path})`;
};

const like: Write = (random, depth) => {
  const patterns = ['*', '', 'a*', '*c', 'a*c', 'a\\*c', '*b*', 'a**b*', '*\\u{1f600}', 'x\\n*'];
  return `(${write(random, 'string', depth)} like "${random.pick(patterns)}")`;
};

const junction: Write = (random, depth) => {
  const operator = random.pick([' && ', ' || ']);
  const length = 2 + random.below(3);
  return `(${Array.from({ length }, () => write(random, 'bool', depth)).join(operator)})`;
};

const sign =
  (symbol: string, kind: Kind): Write =>
  (random, depth) =>
    `${random.pick([symbol, `${symbol}${symbol}`])}(${write(random, kind, depth)})`;

const literal =
  (kind: Kind): Write =>
  (random) =>
    writeLeaf(random, kind);

const setLiteral: Write = (random, depth) => {
  const kind = random.pick(kinds);
  const length = random.chance(5) ? 20 : random.below(4);
  return `[${Array.from({ length }, () => write(random, kind, depth - 1)).join(', ')}]`;
};

const recordLiteral: Write = (random, depth) => {
  const names = attributeNames.filter(() => random.chance(20));
  const entries = names.map(
    (name) => `${quoted(name)}: ${write(random, attributes.get(name)!, depth - 1)}`,
  );
  return `{${entries.join(', ')}}`;
};

const anyIn =
  (name: string): Write =>
  (random, depth) =>
    method(name, 'set', random.pick(kinds))(random, depth);

const forms: Readonly<Record<Kind, readonly Write[]>> = {
  bool: [
    equality,
    order,
    isIn,
    isIn,
    has,
    has,
    like,
    junction,
    junction,
    sign('!', 'bool'),
    anyIn('contains'),
    method('containsAll', 'set', 'set'),
    method('containsAny', 'set', 'set'),
    method('isEmpty', 'set'),
    method('hasTag', 'entity', 'string'),
    (random, depth) => `${writeTarget(random, depth)}.hasTag(${quoted(nameOf(random, 'bool'))})`,
    method('isIpv4', 'ipaddr'),
    method('isIpv6', 'ipaddr'),
    method('isLoopback', 'ipaddr'),
    method('isMulticast', 'ipaddr'),
    method('isInRange', 'ipaddr', 'ipaddr'),
    method('isInRange', 'ipaddr', 'ipaddr'),
    method('lessThan', 'decimal', 'decimal'),
    method('lessThanOrEqual', 'decimal', 'decimal'),
    method('greaterThan', 'decimal', 'decimal'),
    method('greaterThanOrEqual', 'decimal', 'decimal'),
  ],
  long: [
    binary('+', 'long'),
    binary('-', 'long'),
    binary('*', 'long'),
    sign('-', 'long'),
    method('toMilliseconds', 'duration'),
    method('toSeconds', 'duration'),
    method('toMinutes', 'duration'),
    method('toHours', 'duration'),
    method('toDays', 'duration'),
  ],
  string: [literal('string'), writeAttribute('string')],
  entity: [literal('entity'), literal('entity'), writeAttribute('entity')],
  set: [setLiteral, setLiteral, writeAttribute('set')],
  record: [recordLiteral, writeAttribute('record')],
  ipaddr: [writeConstructor('ip'), literal('ipaddr')],
  decimal: [writeConstructor('decimal'), literal('decimal')],
  datetime: [
    writeConstructor('datetime'),
    method('offset', 'datetime', 'duration'),
    method('toDate', 'datetime'),
  ],
  duration: [
    writeConstructor('duration'),
    method('durationSince', 'datetime', 'datetime'),
    method('toTime', 'datetime'),
  ],
};

function writeConstructor(name: string): Write {
  return (random, depth) => {
    if (random.chance(2)) return `${name}()`;
    const extra = random.chance(2) ? ', 1' : '';
    return `${name}(${write(random, 'string', depth)}${extra})`;
  };
}
