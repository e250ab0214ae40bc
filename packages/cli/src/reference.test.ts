import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { referencePages } from './reference.ts';

describe('the reference pages', () => {
  it.each(Object.entries(referencePages()))('docs/%s is current', (name, text) => {
    const path = new URL(`../../../docs/${name}`, import.meta.url);
    // If this fails: npm run generate
    expect(readFileSync(path, 'utf8')).toBe(text);
  });
});
