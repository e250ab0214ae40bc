/**
 * The command line: parses arguments by commander, runs one command, shows its outcome. Answers go
 * to standard output, everything else to standard error; the exit code says which kind of end it
 * was.
 */
import { readFileSync } from 'node:fs';
import { ConfigFault } from '@mintmark/core';
import { Command as Commander, CommanderError, Option as CommanderOption } from 'commander';
import { connect } from './api/connect.ts';
import type { Command, Invocation, OptionValues, Outcome } from './command.ts';
import { commands } from './commands.ts';
import { type LoadedConfig, loadConfig } from './config/load.ts';
import { settings } from './config/settings.ts';
import { exitCodes, type Failure, failureOfRefusal, failureOfThrown } from './failure.ts';
import type { CliPorts } from './ports.ts';
import { type Style, styleOf, wantsColours } from './style.ts';
import { version } from './version.ts';

/**
 * Runs one command line.
 *
 * @param argv without the program's own name
 * @returns the exit code
 */
export async function runCli(argv: readonly string[], ports: CliPorts): Promise<number> {
  const { terminal, environment } = ports;
  const style = styleOf({ colours: wantsColours(terminal.isInteractive, environment) });
  let exit: number = exitCodes.success;
  const run: Act = async (invocation, command) => {
    exit = await perform(invocation, command);
  };
  const program = buildProgram(ports, run, { isQuiet: argv.includes('--json') });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exit;
  } catch (error) {
    const json = argv.includes('--json');
    if (!(error instanceof CommanderError)) {
      return showFailure(ports, failureOfThrown(error), { json, style });
    }
    // Help and version end this way too, with exit code 0; the text is written already.
    if (error.exitCode === 0) return exitCodes.success;
    const message = error.message.replace(/^error: /, '');
    const hint = argv[0]?.startsWith('-') ? optionsLast : undefined;
    const refusal = { reason: 'usage', message, ...(hint && { hint }) } as const;
    if (json) showFailure(ports, failureOfRefusal(refusal), { json, style });
    else if (hint !== undefined) ports.terminal.writeError(`${hint}\n`);
    return exitCodes.usage;
  }
}

const optionsLast = 'options stand after the whole command: mintmark client create --server URL';

type Act = (invocation: Invocation, command: Command) => Promise<void>;

/**
 * The whole tree of commands; `act` is called with the one that was named.
 *
 * @param options.isQuiet the caller tells usage errors in its own way
 */
function buildProgram(
  ports: CliPorts,
  act: Act,
  { isQuiet = false }: { readonly isQuiet?: boolean } = {},
): Commander {
  const program = new Commander('mintmark')
    .description('Issues, guards and revokes tokens and API keys.')
    .version(version)
    .configureOutput({
      writeOut: (text) => ports.terminal.write(text),
      writeErr: (text) => (isQuiet ? undefined : ports.terminal.writeError(text)),
    })
    .exitOverride()
    .showHelpAfterError('(add --help for what can be said here)')
    .helpCommand('help [command]', 'shows the help of a command')
    .addHelpText('after', exitHelp);
  for (const command of commands) addCommand(program, ports, command, act);
  return program;
}

const exitHelp = `
Exit codes: 0 success, 1 refused, 2 usage, 3 fault.
Begin with: mintmark serve`;

function addCommand(program: Commander, ports: CliPorts, command: Command, act: Act): void {
  const words = command.name.split(' ');
  const parent = words.slice(0, -1).reduce(groupOf, program);
  const built = parent.command(words.at(-1)!).summary(command.summary);
  built.description([command.summary, command.description].filter(Boolean).join('\n\n'));
  for (const { name, description } of command.operands ?? []) built.argument(name, description);
  for (const option of command.options ?? []) {
    const made = new CommanderOption(option.flags, option.description);
    if (option.choices !== undefined) made.choices(option.choices);
    made.makeOptionMandatory(option.required === true);
    built.addOption(made);
  }
  addGeneralOptions(built, command);
  built.addHelpText('after', examplesOf(command));
  built.action(async (...received: unknown[]) => {
    await act(invocationOf(ports, { command, built, operands: received.slice(0, -2) }), command);
  });
}

function groupOf(parent: Commander, word: string): Commander {
  const known = parent.commands.find((one) => one.name() === word);
  return known ?? parent.command(word).description(groups[word] ?? '');
}

/** What the commands of one word have in common. */
const groups: Readonly<Record<string, string>> = {
  key: 'API keys: create, rotate, disable, revoke, import, check',
  user: 'people who sign in: create, change, disable, set passwords',
  client: 'OAuth clients: register, change, roll their secrets',
  token: 'access tokens: get one, look inside, verify',
  'signing-key': 'keys that sign tokens: list, rotate',
  custody: 'root keys, data keys and peppers: show, rotate, destroy',
  'admin-key': 'credentials of administrators, automation and gateways',
  route: 'what gateways send where',
  'assertion-issuer': 'issuers outside whose assertions are grants',
  leak: 'leaked credentials: what was found, what is done about it',
  'leak policy': 'what is done about leaked credentials',
  node: 'the gateways',
  role: 'roles: what they let people do',
  group: 'groups of people, and their roles',
  'user role': 'roles of a person',
  'user group': 'groups of a person',
  pat: 'personal access tokens: make, approve, revoke',
  'pat policy': 'what personal access tokens may be',
  emergency: 'a signing key that somebody else has',
  'least-privilege': 'rights that are not used: report, take away on trial',
  'detail-type': 'types of authorization details',
  tenant: 'tenants: issuers of their own',
  policy: 'policies in Cedar: check, put, stage, explain',
  api: 'APIs by their OpenAPI description',
  rotation: 'rules by which secrets rotate',
  'upstream-credential': 'what upstreams know gateways by',
  plan: 'plans: how much whoever has one may ask for',
  limits: 'limits: what is left, more for one, begin anew, try out new ones',
  notice: 'what owners were told, or are to be told',
  audit: 'the audit trail: read, verify, export',
};

function addGeneralOptions(built: Commander, command: Command): void {
  built.optionsGroup('General options:');
  built.option('--config <file>', 'configuration file; default mintmark.yaml where there is one');
  built.option('--json', 'answers as JSON');
  if (command.configured === true) {
    built.optionsGroup('Configuration (each also in mintmark.yaml and the environment):');
    for (const { flag, kind, description, fallback } of settings) {
      const value = kind === 'boolean' ? '' : ` <${kind}>`;
      const shown = fallback === undefined || fallback === '' ? '' : ` (default ${fallback})`;
      built.option(`--${flag}${value}`, `${description}${shown}`);
      // A boolean that is true by default needs a way to say no.
      if (fallback === 'true') built.option(`--no-${flag}`, `not: ${description}`);
    }
  } else {
    built.option('--server <url>', 'base URL of the authority');
    built.option('--token-file <file>', 'file with the credential, - for standard input');
  }
}

function examplesOf(command: Command): string {
  const width = Math.max(...command.examples.map(([line]) => line.length));
  const lines = command.examples.map(([line, effect]) => `  ${line.padEnd(width)}  ${effect}`);
  return `\nExamples:\n${lines.join('\n')}`;
}

function invocationOf(
  ports: CliPorts,
  parsed: {
    readonly command: Command;
    readonly built: Commander;
    readonly operands: readonly unknown[];
  },
): Invocation {
  const { command, built, operands } = parsed;
  const given = built.opts<Record<string, unknown>>();
  const options = optionValues(given);
  const environment = ports.environment;
  const json = options.flag('json');
  const config = (): LoadedConfig =>
    loadConfig({
      file: readConfigFile(options.text('config') ?? environment['MINTMARK_CONFIG']),
      environment,
      // A command's own option may be called like a setting, and is none.
      flags: command.configured === true ? flagsOf(built, given) : {},
    });
  return {
    ports,
    operands: operands as Invocation['operands'],
    options,
    json,
    style: styleOf({ colours: !json && wantsColours(ports.terminal.isInteractive, environment) }),
    config,
    api: () =>
      connect(ports, {
        server: options.text('server'),
        tokenFile: options.text('token-file'),
        config: () => config().config,
      }),
  };
}

function optionValues(given: Readonly<Record<string, unknown>>): OptionValues {
  const value = (name: string): unknown => given[camelCase(name)];
  return {
    text: (name) => (typeof value(name) === 'string' ? (value(name) as string) : undefined),
    list: (name) => (Array.isArray(value(name)) ? (value(name) as string[]) : undefined),
    flag: (name) => value(name) === true,
  };
}

/** Flags that the person gave, by the setting's name; commander's own defaults do not count. */
function flagsOf(
  built: Commander,
  given: Readonly<Record<string, unknown>>,
): Record<string, string | boolean | undefined> {
  const flags: Record<string, string | boolean | undefined> = {};
  for (const { flag } of settings) {
    const name = camelCase(flag);
    if (built.getOptionValueSource(name) === 'cli') {
      flags[flag] = given[name] as string | boolean;
    }
  }
  return flags;
}

function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function readConfigFile(named: string | undefined): { name: string; text: string } | undefined {
  const name = named === undefined || named === '' ? 'mintmark.yaml' : named;
  try {
    return { name, text: readFileSync(name, 'utf8') };
  } catch (cause) {
    const isAbsent = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    if (isAbsent && name === 'mintmark.yaml') return undefined;
    throw new ConfigFault('config_unreadable', `${name} cannot be read`, {
      cause,
      hint: 'check the path after --config, and who may read the file',
    });
  }
}

async function perform(invocation: Invocation, command: Command): Promise<number> {
  const { ports, json, style } = invocation;
  let outcome: Outcome;
  try {
    outcome = await command.run(invocation);
  } catch (error) {
    return showFailure(ports, failureOfThrown(error), { json, style });
  }
  if (!outcome.ok) return showFailure(ports, failureOfRefusal(outcome.refusal), { json, style });
  const shown = outcome.value;
  const text = json ? JSON.stringify(shown.json) : shown.text(style);
  // What was written piece by piece leaves nothing to say.
  if (text !== undefined && text !== '') ports.terminal.write(`${text}\n`);
  return shown.ending ?? (shown.negative === true ? exitCodes.refused : exitCodes.success);
}

function showFailure(
  ports: CliPorts,
  failure: Failure,
  { json, style }: { readonly json: boolean; readonly style: Style },
): number {
  const text = json ? JSON.stringify(failure.json) : failure.text(style);
  ports.terminal.writeError(`${text}\n`);
  return failure.exit;
}
