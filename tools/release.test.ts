import { describe, expect, it } from 'vitest';
import { publishedManifest } from './release.ts';

describe('publishedManifest', () => {
  const source = {
    name: 'x',
    version: '1.0.0',
    bin: { x: './bin/x.mjs' },
    exports: { '.': './src/index.ts', './system': './src/system.ts', './bin': './bin/x.mjs' },
    devDependencies: { y: '1.0.0' },
    dependencies: { z: '1.0.0' },
  };

  it('points to compiled JavaScript and its declarations', () => {
    expect(publishedManifest(source)).toEqual({
      name: 'x',
      version: '1.0.0',
      bin: { mintmark: './dist/main.js' },
      exports: {
        '.': { types: './dist/index.d.ts', default: './dist/index.js' },
        './system': { types: './dist/system.d.ts', default: './dist/system.js' },
      },
      dependencies: { z: '1.0.0' },
      files: ['dist'],
    });
  });
});
