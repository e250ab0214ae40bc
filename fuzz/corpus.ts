/** The saved inputs of a harness: one file each under `fuzz/corpus/‹name›/`, named by its hash. */
import { hash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

function folderOf(name: string): string {
  return fileURLToPath(new URL(`./corpus/${name}/`, import.meta.url));
}

export function loadCorpus(name: string): readonly Uint8Array[] {
  const folder = folderOf(name);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .toSorted()
    .map((file) => readFileSync(`${folder}${file}`));
}

/** @returns the path of the file */
export function saveInput(name: string, input: Uint8Array): string {
  const folder = folderOf(name);
  mkdirSync(folder, { recursive: true });
  const path = `${folder}${hash('sha256', input).slice(0, 16)}`;
  writeFileSync(path, input);
  return path;
}
