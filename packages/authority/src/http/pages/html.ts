/**
 * Markup as a type of its own: what is put into a template is text and is escaped, whoever it came
 * from; only what a template made is markup. Names of clients, hints and errors are data.
 */

export interface Html {
  readonly markup: string;
}

type Part = string | Html | undefined | readonly Part[];

/** A template; undefined leaves a part out, a list is joined. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { markup: String.raw({ raw: texts }, ...parts.map(render)) };
}

function render(part: Part): string {
  if (part === undefined) return '';
  if (typeof part === 'string') return escapeText(part);
  return 'markup' in part ? part.markup : part.map(render).join('');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For text and for attributes in quotes. */
function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character]!);
}
