/** `mintmark backup`, `restore` and `migrate`: what is done to data between serving. */
import { err, ok, rfc3339, type UnixMs } from '@mintmark/core';
import type { Command, Outcome } from '../command.ts';
import { fields } from '../style.ts';

const backup: Command = {
  name: 'backup',
  summary: 'copies database and sealed custody file into a new folder, while the server goes on',
  description:
    'The key or passphrase that opens custody is not in it; keep that elsewhere, and keep it. ' +
    'PostgreSQL is backed up with its own tools.',
  operands: [{ name: '<folder>', description: 'does not exist yet' }],
  configured: true,
  examples: [['mintmark backup /srv/backups/2026-11-21', 'as of now']],
  async run({ ports, operands, config }) {
    const folder = operands[0] as string;
    const { makeBackup } = await import('../backup/backup.ts');
    const made = await makeBackup(ports, config().config, folder);
    return ok({
      json: { folder, ...made },
      text: (style) =>
        fields(style, [
          ['backup', folder],
          ['made at', made.made_at],
        ]),
    });
  },
};

const restore: Command = {
  name: 'restore',
  summary: 'restores a backup into an empty data folder, in a new epoch',
  description:
    'What was revoked or used after the backup is unknown to it. Without --credentials the ' +
    'command shows how long that time is, and changes nothing. refuse: every token of before is ' +
    'void, signing keys are new, API keys and clients are disabled until you enable them one by ' +
    'one, and a new admin key is shown once in place of those of before. accept: you vouch that ' +
    'nothing was revoked in that time.',
  operands: [{ name: '<folder>', description: 'that "mintmark backup" has made' }],
  options: [
    {
      flags: '--credentials <what>',
      description: 'what becomes of tokens and keys from before',
      choices: ['refuse', 'accept'],
    },
  ],
  configured: true,
  examples: [
    ['mintmark restore /srv/backups/2026-11-21', 'shows the time that is lost'],
    ['mintmark restore /srv/backups/2026-11-21 --credentials refuse', 'restores, safely'],
  ],
  async run({ ports, operands, options, config }) {
    const folder = operands[0] as string;
    const { config: settings } = config();
    const { readManifest } = await import('../backup/backup.ts');
    const { madeAt } = readManifest(folder);
    const credentials = options.text('credentials');
    if (credentials !== 'refuse' && credentials !== 'accept') {
      return undecided(madeAt, ports.clock.nowMs());
    }
    const { restoreBackup } = await import('../backup/restore.ts');
    const input = { config: settings, backup: folder, credentials } as const;
    const { epoch, knownUntil, now, adminKey } = await restoreBackup(ports, input);
    const json = {
      epoch,
      credentials,
      known_until: rfc3339(knownUntil),
      restored_at: rfc3339(now),
      ...(adminKey === undefined ? {} : { admin_key: adminKey }),
    };
    return ok({
      json,
      text: (style) =>
        [
          style.good('restored'),
          fields(style, Object.entries(json)),
          credentials === 'refuse'
            ? [
                'API keys and clients are disabled: enable those that you trust, with',
                '"mintmark key enable" and "mintmark client update --status active".',
                style.warn(
                  'Keep the admin key now: it is not shown again. Those of before are void.',
                ),
              ].join('\n')
            : style.warn('Tokens and keys of before are good, whatever was revoked since.'),
        ].join('\n'),
    });
  },
};

const migrate: Command = {
  name: 'migrate',
  summary: 'brings the database to the newest schema',
  description:
    '"mintmark serve" adds what is new by itself. This command also takes away what no ' +
    'program of this version uses any more: run it when the last old one has stopped.',
  configured: true,
  examples: [['mintmark migrate', 'lists what it applied']],
  async run({ ports, config }) {
    const { migrateStore } = await import('@mintmark/authority');
    const { databaseOf } = await import('../serve/installation.ts');
    const database = await databaseOf(config().config, ports.environment);
    const applied = (await migrateStore(database, ports)).map(({ name }) => name);
    return ok({
      json: { applied },
      text: (style) =>
        applied.length === 0
          ? style.dim('nothing to do')
          : applied.map((name) => `+ ${name}`).join('\n'),
    });
  },
};

export const backupCommands: readonly Command[] = [backup, restore, migrate];

function undecided(madeAt: UnixMs, now: UnixMs): Outcome {
  const minutes = Math.max(0, Math.round((now - madeAt) / 60_000));
  return err({
    reason: 'refused',
    status: 409,
    code: 'restore_undecided',
    title: `The backup is of ${rfc3339(madeAt)}, ${minutes} minutes ago`,
    detail: 'what was revoked or used since is unknown to it',
    hint: '--credentials refuse (safe), or --credentials accept (you vouch for that time)',
  });
}
