/**
 * Known forms of injected code, by the look of one value. A net with holes, not a wall: what stands
 * here is what attackers try first and honest people seldom write. No pattern holds a repetition
 * within a repetition, and each is run on a bounded text.
 */
import { type InjectionRule, parseAddress } from '@mintmark/core';

/** Of a value: its text as servers read it, in lower case, and whether it came in one line. */
export interface Looked {
  readonly text: string;
  readonly lower: string;
  /** Of a query or a header: a line break in it is nobody's habit. */
  readonly isLine: boolean;
}

type Judge = (looked: Looked) => boolean;

function any(...patterns: readonly RegExp[]): Judge {
  return ({ lower }) => patterns.some((pattern) => pattern.test(lower));
}

const quote = `['"\`]`;
const verb = '(?:select|insert|update|delete|drop|alter|create|exec|declare|truncate|shutdown)';

const sql: Judge = ({ lower }) => {
  // Comments stand for blanks, and are put there to part words.
  const plain = lower.replaceAll(/\/\*[^*]{0,200}\*\//g, ' ').replaceAll(/\s+/g, ' ');
  return sqlPatterns.some((pattern) => pattern.test(plain));
};

const joint = '(?:(?:or|and)(?![a-z])|\\|\\||&&)';
const comparison = `(?:=|<|>|like ?['"(%]|is (?:not )?null|in ?\\()`;

const sqlPatterns: readonly RegExp[] = [
  // ' or 1=1, ") and 'a'='a
  new RegExp(`${quote} ?\\)? ?${joint} ?[('"]{0,3} ?[\\w.]{1,40} ?['"]? ?${comparison}`),
  new RegExp(`${quote} ?\\)? ?${joint} ?(?:''|"") ?${comparison}`),
  new RegExp(`${quote} ?\\)? ?(?:or|and) (?:not )?(?:true|false|exists)\\b`),
  /^ ?-?\d{1,20} ?\)? (?:or|and) ['"(]{0,3}-?\d{1,20}['"]? ?(?:=|<|>|like)/,
  /^ ?-?\d{1,20} ?\)? (?:or|and) ['"(]{0,3}(?:true|false|exists|sleep)\b/,
  // '; drop table, 1; delete from
  new RegExp(`(?:${quote}|\\d|\\)) ?; ?${verb} `),
  /\bunion (?:all |distinct )?\(?select\b/,
  // admin'--
  new RegExp(`^[^'"\`]{0,100}${quote} ?\\){0,4} ?(?:--|#|/\\*)[ +-]{0,3}$`),
  new RegExp(`${quote} ?\\){0,4} ?(?:or|and) .{0,100}(?:--|#) ?$`),
  /(?:\band|\bor|\bselect|;|['"]|\|\|) ?\(? ?(?:pg_)?sleep ?\( ?\d/,
  /\bwaitfor delay ?['"]/,
  /\bbenchmark ?\( ?\d{3,}/,
  /\b(?:information_schema ?\.|load_file ?\()/,
  /\b(?:xp_cmdshell|into (?:out|dump)file|utl_(?:http|inaddr))\b/,
  new RegExp(`${quote} ?(?:\\|\\||\\+|,) ?\\(? ?select\\b`),
  /['"\d)] ?order by \d{1,3} ?(?:--|#)/,
  /\b(?:extractvalue|updatexml) ?\( ?\d/,
];

const operators = [
  ...['ne', 'eq', 'gt', 'gte', 'lt', 'lte', 'in', 'nin', 'regex', 'where', 'exists', 'or', 'and'],
  ...['not', 'nor', 'expr', 'function', 'elemmatch', 'accumulator', 'type', 'mod'],
].join('|');
const nosqlName = new RegExp(`(?:^|[[.])\\$(?:${operators})\\]?(?:$|[[.])`);
const nosqlValue = new RegExp(`\\{ ?["']?\\$(?:${operators})["']? ?:`);

const nosql: Judge = any(
  nosqlValue,
  /['"] ?(?:\|\||&&) ?(?:this\.|['"]1['"] ?==)/,
  /['"] ?; ?return (?:true|1|this\.)/,
);

const traversal: Judge = any(
  /(?:^|[/\\])\.\.[/\\]/,
  /[/\\]\.\.$/,
  /^\/(?:etc\/(?:passwd|shadow|hosts)|proc\/self\/|windows\/win\.ini)/,
  /^[a-z]:[/\\](?:windows|winnt|boot\.ini)/,
  /^file:\/\//,
);

const toolNames = [
  ...['cat', 'ls', 'id', 'whoami', 'uname', 'wget', 'curl', 'nc', 'ncat', 'bash', 'sh', 'zsh'],
  ...['python3?', 'perl', 'ruby', 'php', 'powershell', 'cmd', 'ping', 'nslookup', 'sleep', 'rm'],
  ...['chmod', 'base64', 'tftp', 'env', 'printenv'],
];
const tools = `(?:${toolNames.join('|')})`;
const argument = '(?: {1,3}(?:-|/|\\$|~|\\.|["\']|https?:|\\d)|<|\\$\\{?ifs)';
const commandPatterns: readonly RegExp[] = [
  // ; cat /etc/passwd, | nc 10.0.0.1, && curl http
  new RegExp(`(?:[;|&\\n]|%0a) {0,3}(?:/(?:usr/)?(?:local/)?s?bin/)?${tools}${argument}`),
  /[;&\n] {0,3}(?:id|whoami|uname|env|printenv|ls) {0,3}(?:[;|&#]|$)/,
  // Not within a table of Markdown.
  /\| {0,3}(?:id|whoami|uname|env|printenv|ls) {0,3}$/,
  new RegExp(`\\$\\( {0,3}(?:/(?:usr/)?bin/)?${tools}(?:${argument}|\\))`),
  new RegExp(`\`(?:/(?:usr/)?bin/)?${tools} {1,3}(?:-|/|\\$|https?:|\\d)[^\`]{0,200}\``),
  /`(?:whoami|uname -a)`/,
  /\/bin\/(?:ba|z|da)?sh\b.{0,20}-[ci]\b/,
  />& ?\/dev\/(?:tcp|udp)\//,
];

const command: Judge = ({ lower, isLine }) => {
  // In a text of many lines a new one is no sign of another command.
  const text = isLine ? lower : lower.replaceAll('\n', ' ');
  return commandPatterns.some((pattern) => pattern.test(text));
};

// As far as the next one begins, so that a text of nothing but beginnings is looked at once.
const inBraces = '\\{\\{(?:(?!\\{\\{)[^}]){0,200}';
const inExpression = '[$#*]\\{(?:(?![$#*]\\{)[^}]){0,200}';

const template: Judge = any(
  new RegExp(
    `${inBraces}(?:\\d ?[*+] ?['"]?\\d|__(?:class|globals|init|mro|subclasses)__` +
      '|\\.constructor\\b|\\brequire ?\\(|\\bprocess\\.|\\|attr\\b' +
      '|\\b(?:lipsum|cycler|config\\.)\\b)',
  ),
  /\{%[^%]{0,200}(?:__class__|__globals__|import os|include ['"]\/)/,
  new RegExp(
    `${inExpression}(?:\\d ?\\* ?\\d|t\\(java|new java|java\\.lang|@java|__class__` +
      '|getruntime|\\.getclass)',
  ),
  // Log4Shell, plain and in disguise
  /\$\{(?:jndi:|[^}]{0,20}\$\{(?:lower|upper|env|sys|:|::)[^}]{0,20}\})/,
  /<%=? ?[^%]{0,100}(?:\d ?\* ?\d|system|exec|runtime|process)[^%]{0,100}%>/,
  /<#assign [^>]{0,200}execute/,
);

const ldap: Judge = any(
  /\)\((?:[|&!]\()?[a-z][a-z0-9;-]{0,40}[~<>]?=/,
  /^[^()]{0,100}\*\)\(/,
  /\)\((?:[|&])\(?[a-z]/,
);

const xxe: Judge = any(
  /<!entity[\s%]/,
  /<!doctype [^>[]{0,200}(?:\[|system |public ["'][^"']{0,200}["'] ["']file:)/,
  /<xi:include\b/,
);

const fieldNames = '(?:set-cookie|location|content-length|content-type|transfer-encoding|host)';
const crlf: Judge = ({ lower, isLine }) =>
  /[\r\n]http\/1\.[01] \d{3}/.test(lower) ||
  (isLine && new RegExp(`[\\r\\n] ?(?:${fieldNames}|x-[a-z-]{1,40}) ?:`).test(lower));

/** Where clouds tell their machines who they are. */
const metadataHosts: ReadonlySet<string> = new Set([
  ...['metadata.google.internal', 'metadata.azure.internal', 'instance-data'],
  ...['100.100.100.200', '192.0.0.192', '[fd00:ec2::254]'],
]);

const ssrf: Judge = ({ text, lower }) => {
  if (/^ {0,8}(?:gopher|dict|ldaps?|tftp|jar|netdoc):\/\//.test(lower)) return true;
  const found = text.match(/(?:[a-z][a-z0-9+.-]{0,20}:)?\/\/[^\s"'<>]{1,300}/gi) ?? [];
  return found.slice(0, 20).some((url) => isMetadata(url));
};

function isMetadata(url: string): boolean {
  const whole = url.startsWith('//') ? `http:${url}` : url.replace(/^[a-z0-9+.-]+:/i, 'http:');
  if (!URL.canParse(whole)) return false;
  const { hostname } = new URL(whole);
  if (metadataHosts.has(hostname)) return true;
  // The platform's own reader knows every spelling of an address.
  const bare = hostname.replace(/^\[|\]$/g, '');
  const address = parseAddress(bare);
  return /^169\.254\./.test(bare) || (address !== undefined && /^::ffff:a9fe:/i.test(bare));
}

/** By the value of a field. */
export const valueJudges: Readonly<Record<Exclude<InjectionRule, 'prototype'>, Judge>> = {
  ...{ sql, nosql, traversal, command, template, ldap, xxe, crlf, ssrf },
};

/** By the name of a field or member, and those above it. */
export function judgeName(rule: InjectionRule, names: readonly string[]): boolean {
  const last = names.at(-1)?.toLowerCase() ?? '';
  if (rule === 'nosql') return nosqlName.test(last);
  if (rule !== 'prototype') return false;
  const parts = names.flatMap((name) => name.split(/[[\].]/)).filter((part) => part !== '');
  return parts.some((part, index) => {
    return part === '__proto__' || (part === 'constructor' && parts[index + 1] === 'prototype');
  });
}
