/** `/v1/keys`: the life of API keys. Verification and import have files of their own. */
import {
  err,
  limits,
  namesCountries,
  ok,
  type TenantId,
  type Timers,
  type UnixMs,
} from '@mintmark/core';
import { z } from 'zod';
import { type Caller, subjectOf } from '../../admin/caller.ts';
import { covers } from '../../admin/permission.ts';
import { openViolations } from '../../apikeys/accept-violations.ts';
import { type CreateKeyRefusal, createKey } from '../../apikeys/create-key.ts';
import type { BudgetPatch } from '../../apikeys/edit-budgets.ts';
import { judgeByPolicy, type KeyViolation } from '../../apikeys/key-policy.ts';
import { listKeys, type ShownKey } from '../../apikeys/list-keys.ts';
import { type RotateKeyRefusal, type RotatePorts, rotateKey } from '../../apikeys/rotate-key.ts';
import { showKey } from '../../apikeys/show-key.ts';
import { type UpdateKeyRefusal, updateKey } from '../../apikeys/update-key.ts';
import type { Store } from '../../store/store.ts';
import { endpoint, type PreparedEndpoint, repeated } from './endpoint.ts';
import { isMatching } from './etag.ts';
import { budgetOf, type budgetSetting } from './key-budget-wire.ts';
import {
  key,
  keyId,
  keySettings,
  keyStatus,
  keyWithUsage,
  newKey,
  newKeySettings,
  renderKey,
  renderKeyWithUsage,
  rotatedKey,
} from './key-wire.ts';
import type { Problem } from './problem.ts';
import { subKeyEndpoint } from './sub-key-endpoints.ts';
import { pageOf, renderMoment, renderMomentOrNull } from './wire-schema.ts';

export type KeyEndpointPorts = RotatePorts & {
  readonly store: Pick<Store, 'usage' | 'keyBudgets' | 'revocations'>;
  readonly storeNowMs: () => Promise<number>;
  readonly timers: Pick<Timers, 'after'>;
  /** Whether this server can say in which country an address is. */
  readonly knowsCountries: boolean;
};

const group = 'keys';

export function keyEndpoints(ports: KeyEndpointPorts): readonly PreparedEndpoint[] {
  return [
    create(ports),
    list(ports),
    show(ports),
    update(ports),
    rotate(ports),
    subKeyEndpoint(ports),
  ];
}

function create(ports: KeyEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/keys',
    operation: 'createKey',
    group,
    summary: 'Makes an API key and shows it once',
    description: 'To name another `owner` than oneself needs the permission `keys:assign`.',
    permission: 'keys:write',
    body: z.strictObject(newKeySettings).meta({ id: 'CreateKey' }),
    creates: true,
    answers: { 201: { description: 'The key, its text in this answer only.', schema: newKey } },
    problems: ['conflict', 'policy_violated'],
    async handle({ caller, requester, body, remember, now }) {
      const owner = body.owner ?? subjectOf(caller.actor);
      if (!mayNameOwner(caller, owner)) return err(assignNeeded);
      const shown = (row: ShownKey) => ({ ...renderKey(row, now), ...warnedOf(ports, row) });
      const made = await createKey(ports, {
        requester,
        settings: {
          ...settingsOf(body),
          owner,
          budgets: budgetsIn(body),
          recoverable: body.recoverable,
        },
        alongside: (row) => remember({ status: 201, body: shown(row), secret: { key: '' } }),
      });
      if (!made.ok) return err(createProblem(made.refusal));
      const { row, text } = made.value;
      const { version } = row;
      return ok({ status: 201, body: shown(row), secret: { key: text }, version });
    },
  });
}

/** What of a key cannot come to pass here; nothing where nothing is to be said. */
function warnedOf({ knowsCountries }: KeyEndpointPorts, row: ShownKey) {
  const isLost = !knowsCountries && namesCountries(row);
  return isLost ? { warnings: [countriesUnknown] } : {};
}

const countriesUnknown =
  'it names countries, and this server knows none (geo.database): it is refused everywhere here';

/** Whose key it is follows from who asks; holding somebody else's is a permission of its own. */
export function mayNameOwner(caller: Caller, owner: string): boolean {
  return owner === subjectOf(caller.actor) || covers(caller.permissions, 'keys:assign');
}

export const assignNeeded: Problem = {
  code: 'insufficient_permission',
  detail: 'needs keys:assign to name an owner, or to hold or change the key of another one',
};

type Budgets = {
  readonly [N in 'uses' | 'credits']?: z.output<typeof budgetSetting> | null | undefined;
};

/** Counters as they are set where a key is made. */
export function budgetsIn({ uses, credits }: Budgets) {
  return {
    uses: uses ? budgetOf(uses) : undefined,
    credits: credits ? budgetOf(credits) : undefined,
  };
}

/** Null takes a counter away. */
function budgetPatchIn({ uses, credits }: Budgets): BudgetPatch | undefined {
  if (uses === undefined && credits === undefined) return undefined;
  return {
    uses: uses === null ? null : uses && budgetOf(uses),
    credits: credits === null ? null : credits && budgetOf(credits),
  };
}

/** From the wire's spelling to the use case's. */
export function settingsOf(body: z.output<z.ZodObject<typeof keySettings>>) {
  return {
    name: body.name,
    scopes: [...new Set(body.scopes)],
    environment: body.environment,
    plan: body.plan,
    allowedAddresses: body.allowed_addresses,
    allowedCountries: body.allowed_countries,
    deniedCountries: body.denied_countries,
    metadata: body.metadata,
    purpose: body.purpose,
    tags: body.tags,
    notBefore: body.not_before,
    expiresAt: body.expires_at,
  };
}

/** Each rule that is broken, at the member that breaks it. */
function violationProblem(violations: readonly KeyViolation[]): Problem {
  const errors = violations.map(({ member, message }) => ({ pointer: `/${member}`, message }));
  return { code: 'policy_violated', errors };
}

function createProblem(refusal: CreateKeyRefusal): Problem | typeof repeated {
  switch (refusal.reason) {
    case 'id_taken':
      return { code: 'conflict', detail: 'the fresh id was taken; try again' };
    case 'policy_violated':
      return violationProblem(refusal.violations);
    case 'refused_by_step':
      return repeated;
  }
}

function list(ports: KeyEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/keys',
    operation: 'listKeys',
    group,
    summary: 'Lists API keys, newest first',
    description: 'A page may be short and still have a next one.',
    permission: 'keys:read',
    query: z.strictObject({
      owner: z.string().min(1).max(255).optional(),
      status: keyStatus.optional(),
      tag: z.string().min(1).max(64).optional(),
      environment: z.string().min(1).max(64).optional(),
      violating: z
        .enum(['true', 'false'])
        .optional()
        .describe('Whether they break the tenant’s policy for keys'),
    }),
    paged: true,
    answers: { 200: { description: 'A page of keys.', schema: pageOf(key) } },
    async handle({ tenant, query, page, now }) {
      const { violating, ...rest } = query;
      const filter = {
        ...rest,
        violating: violating === undefined ? undefined : violating === 'true',
      };
      const { rows, next } = await listKeys(ports, { tenant, kind: 'key', filter, ...page });
      const isShown = filter.violating === true;
      const items = rows.map(async (row) =>
        isShown ? withViolations(ports, row, now) : renderKey(row, now),
      );
      return ok({ status: 200, body: { items: await Promise.all(items) }, next });
    },
  });
}

/** A key with what it breaks. */
export async function withViolations(ports: KeyEndpointPorts, row: ShownKey, now: UnixMs) {
  return { ...renderKey(row, now), ...(await brokenBy(ports, row, now)) };
}

async function brokenBy(ports: KeyEndpointPorts, row: ShownKey, now: UnixMs) {
  const all = await judgeByPolicy(ports, row);
  const open = new Set(openViolations(all, row, now));
  const { mendBy } = ports.keyPolicy(row.tenant as TenantId);
  return {
    violations: all.map((one) => ({ ...one, accepted: !open.has(one) })),
    mend_by: open.size === 0 ? null : renderMomentOrNull(mendBy ?? null),
  };
}

function show(ports: KeyEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/keys/{id}',
    operation: 'showKey',
    group,
    summary: 'Shows an API key with what it did, never the key itself',
    permission: 'keys:read',
    params: keyId,
    answers: { 200: { description: 'The key.', schema: keyWithUsage } },
    async handle({ tenant, params, now }) {
      const found = await showKey(ports, tenant, params.id);
      if (found === undefined) return err({ code: 'not_found' });
      const broken = await brokenBy(ports, found.key, now);
      const body = { ...renderKeyWithUsage(found, now), ...broken };
      return ok({ status: 200, body, version: found.key.version });
    },
  });
}

const patch = z
  .strictObject({
    name: keySettings.name.optional(),
    status: z.enum(['active', 'disabled']).optional(),
    scopes: keySettings.scopes.optional(),
    environment: keySettings.environment.nullable(),
    plan: keySettings.plan.nullable(),
    allowed_addresses: keySettings.allowed_addresses.nullable(),
    allowed_countries: keySettings.allowed_countries.nullable(),
    denied_countries: keySettings.denied_countries.nullable(),
    uses: newKeySettings.uses.nullable(),
    credits: newKeySettings.credits.nullable(),
    metadata: keySettings.metadata,
    owner: keySettings.owner,
    purpose: keySettings.purpose.nullable(),
    tags: keySettings.tags,
    not_before: keySettings.not_before.nullable(),
    expires_at: keySettings.expires_at.nullable(),
  })
  .meta({ id: 'EditKey' });

function update(ports: KeyEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'PATCH',
    path: '/v1/keys/{id}',
    operation: 'updateKey',
    group,
    summary: 'Edits, disables or enables an API key',
    description:
      'Members left out stay as they are; null takes a setting away. The key of another owner ' +
      'than oneself may be disabled; more, or giving it to another one, needs `keys:assign`.',
    permission: 'keys:write',
    params: keyId,
    body: patch,
    edits: 'always',
    answers: { 200: { description: 'The key as it is now.', schema: key } },
    problems: ['wrong_state', 'policy_violated'],
    async handle({ caller, requester, params, body, ifMatch, now }) {
      const edited = await updateKey(ports, {
        requester,
        id: params.id,
        mayNameOwner: (owner) => mayNameOwner(caller, owner),
        isSeen: (version) => ifMatch !== undefined && isMatching(ifMatch, version),
        patch: {
          name: body.name,
          status: body.status,
          scopes: body.scopes,
          environment: body.environment,
          plan: body.plan,
          allowedAddresses: body.allowed_addresses,
          allowedCountries: body.allowed_countries,
          deniedCountries: body.denied_countries,
          budgets: budgetPatchIn(body),
          metadata: body.metadata,
          owner: body.owner,
          purpose: body.purpose,
          tags: body.tags,
          notBefore: body.not_before,
          expiresAt: body.expires_at,
        },
      });
      if (!edited.ok) return err(updateProblem(edited.refusal));
      const { value: row } = edited;
      const shown = { ...renderKey(row, now), ...warnedOf(ports, row) };
      return ok({ status: 200, body: shown, version: row.version });
    },
  });
}

function updateProblem(refusal: UpdateKeyRefusal): Problem {
  switch (refusal.reason) {
    case 'not_found':
    case 'version_mismatch':
      return { code: refusal.reason };
    case 'owner_not_allowed':
      return assignNeeded;
    case 'revoked':
      return { code: 'wrong_state', detail: 'the key is revoked' };
    case 'quarantined':
      return { code: 'wrong_state', detail: 'the key is quarantined: release it' };
    case 'owner_revoked':
      return { code: 'wrong_state', detail: 'the owner was revoked, and the key with it' };
    case 'policy_violated':
      return violationProblem(refusal.violations);
    case 'already_rotated':
      return { code: 'wrong_state', detail: 'the key was rotated; its end cannot be put off' };
  }
}

const rotation = z
  .strictObject({
    overlap_seconds: z
      .int()
      .min(0)
      .max(limits.keyOverlapSecondsMax)
      .optional()
      .describe(`How long the old key works on; ${limits.keyOverlapSecondsDefault} if not given`),
  })
  .meta({ id: 'RotateKey' });

function rotate(ports: KeyEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/keys/{id}/rotate',
    operation: 'rotateKey',
    group,
    summary: 'Makes a successor; the old key works on for an overlap',
    description: 'The key of another owner than oneself needs the permission `keys:assign`.',
    permission: 'keys:write',
    params: keyId,
    body: rotation,
    bodyOptional: true,
    creates: true,
    answers: { 201: { description: 'The successor, shown once.', schema: rotatedKey } },
    problems: ['wrong_state', 'conflict', 'policy_violated'],
    async handle({ caller, requester, params, body, remember, now }) {
      const rotated = await rotateKey(ports, {
        requester,
        id: params.id,
        mayNameOwner: (owner) => mayNameOwner(caller, owner),
        overlapSeconds: body.overlap_seconds ?? limits.keyOverlapSecondsDefault,
        alongside: (made) =>
          remember({ status: 201, body: renderRotated(made, now), secret: { key: '' } }),
      });
      if (!rotated.ok) return err(rotateProblem(rotated.refusal));
      const { text: secret, ...made } = rotated.value;
      const { version } = made.successor;
      return ok({ status: 201, body: renderRotated(made, now), secret: { key: secret }, version });
    },
  });
}

function renderRotated(
  made: { readonly successor: ShownKey; readonly previousExpiresAt: number },
  now: UnixMs,
): Readonly<Record<string, unknown>> {
  const previous_expires_at = renderMoment(made.previousExpiresAt);
  return { ...renderKey(made.successor, now), previous_expires_at };
}

function rotateProblem(refusal: RotateKeyRefusal): Problem | typeof repeated {
  switch (refusal.reason) {
    case 'not_found':
    case 'conflict':
      return { code: refusal.reason };
    case 'owner_not_allowed':
      return assignNeeded;
    case 'not_active':
      return { code: 'wrong_state', detail: `the key is ${refusal.status}` };
    case 'already_rotated':
      return { code: 'wrong_state', detail: `the key was rotated into ${refusal.successor}` };
    case 'policy_violated':
      return violationProblem(refusal.violations);
    case 'refused_by_step':
      return repeated;
  }
}
