/** What the files of `mintmark apply` say: lists of things by section, in YAML or JSON. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { ConfigFault, err, type JsonObject, ok, type Result, suggest } from '@mintmark/core';
import { parseDocument } from 'yaml';
import type { CommandRefusal } from '../command.ts';
import { usage } from '../commands/send.ts';
import { withTexts } from '../policy/policy-file.ts';
import type { CliPorts } from '../ports.ts';

export type Thing = Readonly<Record<string, unknown>>;

/** In the order in which they are applied: what comes later may speak of what comes before. */
const sections = [
  'tenants',
  'authorization_details_types',
  'roles',
  'groups',
  'pat_policy',
  'leak_policy',
  'clients',
  'users',
  'keys',
  'rotations',
  'assertion_issuers',
  'threat_feeds',
  'upstream_credentials',
  'plans',
  'plan_holders',
  'apis',
  'routes',
  'policies',
] as const;

export type Section = (typeof sections)[number];

/** The member that tells one thing of a section from another. */
const nameMember: Readonly<Record<Section, string>> = {
  tenants: 'tenant',
  authorization_details_types: 'type',
  roles: 'name',
  groups: 'name',
  // There is one of each: it stands by itself and not in a list.
  pat_policy: '',
  leak_policy: '',
  clients: 'client_id',
  users: 'username',
  keys: 'name',
  rotations: 'name',
  assertion_issuers: 'name',
  threat_feeds: 'name',
  upstream_credentials: 'name',
  plans: 'name',
  plan_holders: 'holder',
  apis: 'name',
  routes: 'name',
  policies: 'name',
};

export interface Wanted {
  readonly section: Section;
  readonly name: string;
  readonly thing: Thing;
}

/**
 * Reads and joins the files.
 *
 * @param files paths; `-` is standard input
 * @returns refusal: usage, naming file and place
 * @throws ConfigFault `file_unreadable`
 */
export async function readWanted(
  ports: Pick<CliPorts, 'terminal'>,
  files: readonly string[],
): Promise<Result<readonly Wanted[], CommandRefusal>> {
  const wanted: Wanted[] = [];
  for (const file of files) {
    const text = file === '-' ? await ports.terminal.readInput() : await read(file);
    const found = parse(file, text);
    if (!found.ok) return found;
    for (const one of found.value) wanted.push(await whole(file, one));
  }
  const twice = wanted.find(
    (one, index) =>
      wanted.findIndex((two) => two.section === one.section && two.name === one.name) < index,
  );
  if (twice !== undefined) return usage(`${twice.section}: "${twice.name}" is there twice`);
  return ok(sections.flatMap((section) => wanted.filter((one) => one.section === section)));
}

/** Texts of policies may stand in files of their own; why they were written may be left out. */
async function whole(file: string, wanted: Wanted): Promise<Wanted> {
  if (wanted.section === 'plan_holders') {
    return { ...wanted, thing: { reason: `applied from ${basename(file)}`, ...wanted.thing } };
  }
  if (wanted.section !== 'policies') return wanted;
  const thing = await withTexts(file, wanted.thing as JsonObject);
  return { ...wanted, thing: { reason: `applied from ${basename(file)}`, ...thing } };
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new ConfigFault('file_unreadable', `${file} cannot be read`, {
      cause,
      hint: 'check the path, and who may read the file',
    });
  }
}

function parse(file: string, text: string): Result<Wanted[], CommandRefusal> {
  // JSON is YAML, so one parser reads both.
  const document = parseDocument(text, { schema: 'core' });
  const error = document.errors[0];
  if (error !== undefined) {
    const line = error.linePos?.[0].line;
    return usage(`${file}, line ${line}: ${error.message.split('\n')[0]}`);
  }
  // A few aliases are handy; aliases of aliases could grow without bound.
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  if (!isThing(value)) return usage(`${file} holds no sections`, `write one of: ${known}`);
  const wanted: Wanted[] = [];
  for (const [section, list] of Object.entries(value)) {
    const things = parseSection(file, section, list);
    if (!things.ok) return things;
    wanted.push(...things.value);
  }
  return ok(wanted);
}

const known = sections.join(', ');

function parseSection(file: string, name: string, list: unknown): Result<Wanted[], CommandRefusal> {
  const section = sections.find((one) => one === name);
  if (section === undefined) {
    const near = suggest(name, sections);
    const hint = near === undefined ? `this version knows: ${known}` : `did you mean "${near}"?`;
    return usage(`${file}: unknown section "${name}"`, hint);
  }
  if (section === 'pat_policy' || section === 'leak_policy') {
    if (!isThing(list)) return usage(`${file}: ${section} is not an object`);
    return ok([{ section, name: section, thing: list }]);
  }
  if (!Array.isArray(list)) return usage(`${file}: ${section} is not a list`);
  const member = nameMember[section];
  const wanted: Wanted[] = [];
  for (const [index, thing] of list.entries()) {
    const called = isThing(thing) ? thing[member] : undefined;
    if (!isThing(thing) || typeof called !== 'string' || called === '') {
      return err({
        reason: 'usage',
        message: `${file}: ${section}[${index}] has no ${member}`,
        hint: `each of ${section} is known by its ${member}`,
      });
    }
    wanted.push({ section, name: called, thing });
  }
  return ok(wanted);
}

function isThing(value: unknown): value is Thing {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
