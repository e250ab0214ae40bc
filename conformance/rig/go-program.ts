/** A program from the Go module proxy, built once for this checkout. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runChild } from './child.ts';

const folder = new URL('../../.cache/go', import.meta.url).pathname;

/**
 * @param module path and version, as `go mod download` takes them; its root is the program
 * @returns path of the executable
 * @throws where Go is missing or too old for the module, with what to do about it
 */
export async function goProgram(name: string, module: string): Promise<string> {
  const program = join(folder, module.replaceAll('/', '_'), name);
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  const env = { HOME: process.env['HOME'] ?? folder };
  const source = await runChild('go', ['mod', 'download', '-json', module], { cwd: folder, env });
  if (source.code !== 0) throw new Error(`${name} needs Go: ${source.stdout}${source.stderr}`);
  const { Dir: cwd } = JSON.parse(source.stdout) as { readonly Dir: string };
  const built = await runChild('go', ['build', '-o', program, '.'], { cwd, env });
  if (built.code !== 0) throw new Error(`${name} needs a newer Go: ${built.stderr}`);
  return program;
}

/**
 * A command within a module.
 *
 * @param source path of its package, and the module's version
 * @throws as `goProgram`
 */
export async function goCommand(name: string, source: string): Promise<string> {
  const bin = join(folder, source.replaceAll('/', '_'));
  const program = join(bin, name);
  if (existsSync(program)) return program;
  mkdirSync(bin, { recursive: true });
  const env = { HOME: process.env['HOME'] ?? folder, GOBIN: bin };
  const built = await runChild('go', ['install', source], { cwd: bin, env });
  if (built.code !== 0) throw new Error(`${name} needs a newer Go: ${built.stderr}`);
  return program;
}
