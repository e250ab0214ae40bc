/**
 * Writes a small database in MaxMind's format (MMDB 2.0), for tests alone: a binary tree of the
 * bits of IPv6 addresses, IPv4 under ::/96, with records of 24 bits, and the few types of data that
 * a database of countries needs. From the published description of the format
 * (https://maxmind.github.io/MaxMind-DB/).
 */
import { parseCidr } from '@mintmark/core';

/** @param networks block in CIDR notation → what the database says of it */
export function writeMmdb(networks: Readonly<Record<string, object>>): Uint8Array {
  const data: Uint8Array[] = [];
  let dataBytes = 0;
  /** Children by node: another node, or an offset into the data. */
  const nodes: ({ node: number } | { data: number } | undefined)[][] = [[undefined, undefined]];
  for (const [block, value] of Object.entries(networks)) {
    const encoded = encode(value);
    insert(nodes, bitsOf(block), dataBytes);
    data.push(encoded);
    dataBytes += encoded.length;
  }
  const metadata = {
    node_count: nodes.length,
    record_size: 24,
    ip_version: 6,
    database_type: 'Test-Country',
    languages: ['en'],
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1_790_000_000,
    description: { en: 'made for a test' },
  };
  const record = (child: { node: number } | { data: number } | undefined): number[] => {
    const value =
      child === undefined
        ? nodes.length
        : 'node' in child
          ? child.node
          : nodes.length + 16 + child.data;
    return [value >> 16, (value >> 8) & 255, value & 255];
  };
  const tree = nodes.flatMap(([left, right]) => [...record(left), ...record(right)]);
  const marker = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
  return Buffer.concat([
    ...[Uint8Array.from(tree), new Uint8Array(16), ...data],
    ...[marker, encode(metadata)],
  ]);
}

function insert(
  nodes: ({ node: number } | { data: number } | undefined)[][],
  bits: readonly number[],
  data: number,
): void {
  let node = 0;
  for (const [index, bit] of bits.entries()) {
    const children = nodes[node]!;
    if (index === bits.length - 1) {
      children[bit] = { data };
      return;
    }
    const child = children[bit];
    if (child === undefined) {
      nodes.push([undefined, undefined]);
      children[bit] = { node: nodes.length - 1 };
      node = nodes.length - 1;
    } else if ('node' in child) node = child.node;
    else throw new Error('networks that overlap');
  }
}

/** The leading bits of a block, IPv4 at its place in IPv6. */
function bitsOf(block: string): readonly number[] {
  if (!parseCidr(block).ok) throw new Error(`${block} is no block`);
  const [address = '', prefix] = block.split('/');
  if (address.includes('.')) {
    const bits = address.split('.').flatMap((part) => bitsIn(Number(part), 8));
    return [...new Array<number>(96).fill(0), ...bits].slice(0, 96 + Number(prefix));
  }
  const [head = '', tail] = address.split('::');
  const words = (text: string) => text.split(':').filter(Boolean);
  const [first, last] = [words(head), words(tail ?? '')];
  const gap = tail === undefined ? 0 : 8 - first.length - last.length;
  const all = [...first, ...new Array<string>(gap).fill('0'), ...last];
  return all.flatMap((word) => bitsIn(Number.parseInt(word, 16), 16)).slice(0, Number(prefix));
}

function bitsIn(value: number, width: number): number[] {
  return Array.from({ length: width }, (_, i) => (value >> (width - 1 - i)) & 1);
}

/** Types 2 (text), 5–7 (numbers), 7 (map) and 11 (array) of the format. */
function encode(value: unknown): Uint8Array {
  if (typeof value === 'string') {
    const bytes = Buffer.from(value);
    return Buffer.concat([control(2, bytes.length), bytes]);
  }
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return Buffer.concat([control(6, 4), bytes]);
  }
  if (Array.isArray(value)) {
    return Buffer.concat([control(11, value.length), ...value.map(encode)]);
  }
  const entries = Object.entries(value as object);
  const pairs = entries.flatMap(([name, member]) => [encode(name), encode(member)]);
  return Buffer.concat([control(7, entries.length), ...pairs]);
}

/** The control byte; sizes from 29 on are not needed here, but for one more byte. */
function control(type: number, size: number): Uint8Array {
  const low = Math.min(size, 29);
  const extra = size < 29 ? [] : [size - 29];
  return Uint8Array.from(type <= 7 ? [(type << 5) | low, ...extra] : [low, type - 7, ...extra]);
}
