/**
 * The pages that say how the command is used, made from the same values that run it:
 * docs/cli.md, docs/configuration.md and docs/mintmark.schema.json.
 */
import type { Command, Option } from './command.ts';
import { commands } from './commands.ts';
import { configJsonSchema } from './config/schema.ts';
import { type Setting, settings } from './config/settings.ts';

/** File name under `docs/` → text. */
export function referencePages(): Readonly<Record<string, string>> {
  return {
    'cli.md': commandPage(),
    'configuration.md': configurationPage(),
    'mintmark.schema.json': `${JSON.stringify(configJsonSchema(), null, 2)}\n`,
  };
}

const made = '<!-- Made by "npm run generate" from the source; do not edit. -->';

function commandPage(): string {
  return `${made}

# The \`mintmark\` command

\`mintmark ‹command› [options]\`. Answers go to standard output, everything else to standard error.

- \`--json\` on every command: the answer, or the refusal, as one JSON value.
- Exit codes: 0 success, 1 refused, 2 usage, 3 fault.
- Commands that talk to a server take \`--server URL\` (or \`MINTMARK_SERVER\`; default: the
  issuer of the configuration, or where it listens) and a credential from \`MINTMARK_TOKEN\` or
  \`--token-file FILE\`. They never send it over plain HTTP beyond this machine.
- Colours only on a terminal, and never with \`NO_COLOR\`.

${commands.map(commandSection).join('\n\n')}
`;
}

function commandSection(command: Command): string {
  const operands = (command.operands ?? []).map((operand) => operand.name);
  const usage = ['mintmark', command.name, ...operands, '[options]'].join(' ');
  const parts = [`## ${command.name}`, `${sentence(command.summary)}`, `\`${usage}\``];
  if (command.description !== undefined) parts.splice(2, 0, command.description);
  const rows = [
    ...(command.operands ?? []).map((one) => `| \`${one.name}\` | ${one.description} |`),
    ...(command.options ?? []).map(optionRow),
  ];
  if (rows.length > 0) parts.push(['| option | meaning |', '| --- | --- |', ...rows].join('\n'));
  if (command.configured === true) {
    parts.push('And every setting of [the configuration](configuration.md) as a flag.');
  }
  const examples = command.examples.map(([line, effect]) => `# ${effect}\n${line}`);
  parts.push(`\`\`\`sh\n${examples.join('\n')}\n\`\`\``);
  return parts.join('\n\n');
}

function optionRow({ flags, description, required, choices }: Option): string {
  const more = [
    ...(required === true ? ['required'] : []),
    ...(choices === undefined ? [] : [choices.join(', ')]),
  ];
  const suffix = more.length === 0 ? '' : ` (${more.join('; ')})`;
  return `| \`${flags}\` | ${description}${suffix} |`;
}

function configurationPage(): string {
  return `${made}

# Configuration

Nothing has to be configured to begin with. What is, stands in \`mintmark.yaml\` in the working
folder, or in the file after \`--config\` (or in \`MINTMARK_CONFIG\`). Nearest wins: flag,
environment, file, default.

- Unknown keys in the file are errors, with a suggestion; unknown \`MINTMARK_…\` names in the
  environment only warn, because platforms inject some.
- Secrets stand in no file and on no command line: a setting that needs one holds a reference,
  \`file:PATH\` (a file of mode 600) or \`env:NAME\`.
- Lists are written with commas in flags and in the environment.
- [mintmark.schema.json](mintmark.schema.json) lets an editor complete and check the file.

\`\`\`yaml
issuer: https://id.example
database: env:DATABASE_URL
authority:
  listen: 0.0.0.0:443
  tls_cert: /etc/mintmark/tls.pem
  tls_key: /etc/mintmark/tls.key
custody:
  passphrase: file:/run/secrets/mintmark
\`\`\`

| in the file | environment | flag | default | meaning |
| --- | --- | --- | --- | --- |
${settings.map(settingRow).join('\n')}
`;
}

function settingRow({ path, environment, flag, fallback, description }: Setting): string {
  const shown = fallback === undefined || fallback === '' ? '' : `\`${fallback}\``;
  const names = [path.join('.'), environment, `--${flag}`].map((name) => `\`${name}\``);
  return `| ${names.join(' | ')} | ${shown} | ${description} |`;
}

function sentence(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}
