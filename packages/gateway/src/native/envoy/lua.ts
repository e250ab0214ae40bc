/** Values as Lua writes them: nothing of ours may end a text or begin a command. */

export function luaText(value: string): string {
  const bytes = Buffer.from(value, 'utf8');
  const plain = /[A-Za-z0-9 ._~:@/+=,|!#$&()*;<>?[\]^`{}-]/;
  const parts = [...bytes].map((byte) => {
    const char = String.fromCharCode(byte);
    return plain.test(char) ? char : `\\${String(byte).padStart(3, '0')}`;
  });
  return `"${parts.join('')}"`;
}

export function luaValue(value: string | number | boolean | readonly string[]): string {
  if (typeof value === 'string') return luaText(value);
  if (typeof value !== 'object') return String(value);
  return `{${value.map(luaText).join(',')}}`;
}

/** @returns `{["key"]=value,…}` */
export function luaTable(entries: Iterable<readonly [string, string]>): string {
  return `{${[...entries].map(([key, value]) => `[${luaText(key)}]=${value}`).join(',')}}`;
}
