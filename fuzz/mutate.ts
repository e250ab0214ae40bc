/** Changes one input into another, as accidents and attackers do. */
import type { Random } from './random.ts';

export interface MutationSource {
  readonly random: Random;
  readonly dictionary: readonly string[];
  /** Inputs to splice with; not empty. */
  readonly corpus: readonly Uint8Array[];
  readonly bytesMax: number;
}

type Mutation = (input: Uint8Array, source: MutationSource) => Uint8Array;

/** One to five changes. */
export function mutate(input: Uint8Array, source: MutationSource): Uint8Array {
  let mutated = input;
  for (let changes = 1 + source.random(5); changes > 0; changes--) {
    const mutation = mutations[source.random(mutations.length)]!;
    mutated = mutation(mutated, source).subarray(0, source.bytesMax);
  }
  return mutated;
}

const flipBit: Mutation = (input, { random }) => {
  if (input.length === 0) return input;
  const copy = Uint8Array.from(input);
  copy[random(copy.length)]! ^= 1 << random(8);
  return copy;
};

const setByte: Mutation = (input, { random }) => {
  if (input.length === 0) return input;
  const copy = Uint8Array.from(input);
  copy[random(copy.length)] = random(256);
  return copy;
};

const insertByte: Mutation = (input, { random }) =>
  insert(input, Uint8Array.of(random(256)), random);

const insertWord: Mutation = (input, { random, dictionary }) => {
  const word = dictionary[random(Math.max(1, dictionary.length))] ?? '';
  return insert(input, Buffer.from(word), random);
};

const overwriteWord: Mutation = (input, { random, dictionary }) => {
  const word = Buffer.from(dictionary[random(Math.max(1, dictionary.length))] ?? '');
  const at = random(input.length + 1);
  return Buffer.concat([input.subarray(0, at), word, input.subarray(at + word.length)]);
};

const remove: Mutation = (input, { random }) => {
  const [from, to] = range(input, random);
  return Buffer.concat([input.subarray(0, from), input.subarray(to)]);
};

const duplicate: Mutation = (input, { random }) => {
  const [from, to] = range(input, random);
  return insert(input, input.subarray(from, to), random);
};

/** Deep nesting and long runs: what takes more than linear time shows here. */
const repeat: Mutation = (input, { random, bytesMax }) => {
  const [from, to] = range(input, random);
  const piece = input.subarray(from, Math.min(to, from + 8));
  if (piece.length === 0) return input;
  const times = Math.min(1 << random(14), Math.ceil(bytesMax / piece.length));
  return insert(input, Buffer.concat(Array.from({ length: times }, () => piece)), random);
};

const truncate: Mutation = (input, { random }) => input.subarray(0, random(input.length + 1));

const splice: Mutation = (input, { random, corpus }) => {
  const other = corpus[random(corpus.length)]!;
  const head = input.subarray(0, random(input.length + 1));
  return Buffer.concat([head, other.subarray(random(other.length + 1))]);
};

const mutations: readonly Mutation[] = [
  flipBit,
  setByte,
  insertByte,
  insertWord,
  insertWord,
  overwriteWord,
  remove,
  duplicate,
  repeat,
  truncate,
  splice,
];

function insert(input: Uint8Array, piece: Uint8Array, random: Random): Uint8Array {
  const at = random(input.length + 1);
  return Buffer.concat([input.subarray(0, at), piece, input.subarray(at)]);
}

function range(input: Uint8Array, random: Random): readonly [from: number, to: number] {
  const from = random(input.length + 1);
  return [from, from + random(input.length - from + 1)];
}
