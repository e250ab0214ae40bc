/**
 * Threads start from source as it is, or from what was compiled from it.
 *
 * @param source URL of a `.ts` file
 * @returns the file to start, with the extension that this one has
 */
export function threadFile(source: URL): URL {
  return import.meta.url.endsWith('.js') ? new URL(source.href.replace(/\.ts$/, '.js')) : source;
}
