/**
 * Every scalar of the configuration as a flat list: its path in the file, its environment name, its
 * flag. Derived from the schema, so that the four ways to say a thing cannot drift apart.
 */
import type { z } from 'zod';
import { configSchema } from './schema.ts';

export interface Setting {
  /** Keys from the top of the file. */
  readonly path: readonly string[];
  /** `MINTMARK_SECTION_KEY`. */
  readonly environment: string;
  /** Without dashes: `gateway-listen`. */
  readonly flag: string;
  readonly kind: 'text' | 'integer' | 'boolean' | 'list';
  readonly description: string;
  /** As the file would say it; undefined where there is none. */
  readonly fallback: string | undefined;
}

/** The authority is what one usually means, so its listener has the short names; one judges. */
const shortFlags: Readonly<Record<string, string>> = {
  'cache-url': 'cache',
  'authority-listen': 'listen',
  'authority-tls-cert': 'tls-cert',
  'authority-tls-key': 'tls-key',
  'authority-insecure-http': 'insecure-http',
  'authority-trusted-proxies': 'trusted-proxies',
  'gateway-judge-listen': 'judge-listen',
};

export const settings: readonly Setting[] = flatten(configSchema, []);

/** Environment names that mean something, but are not settings of the file. */
export const otherEnvironment = ['MINTMARK_CONFIG', 'MINTMARK_SERVER', 'MINTMARK_TOKEN'] as const;

function flatten(schema: z.ZodType, path: readonly string[]): Setting[] {
  const inner = unwrap(schema);
  if (inner.def.type === 'object') {
    const shape = (inner as z.ZodObject).shape as Readonly<Record<string, z.ZodType>>;
    return Object.entries(shape).flatMap(([key, value]) => flatten(value, [...path, key]));
  }
  const long = path.join('-').replaceAll('_', '-');
  const fallback = fallbackOf(schema);
  return [
    {
      path,
      environment: `MINTMARK_${path.join('_').toUpperCase()}`,
      flag: shortFlags[long] ?? long,
      kind: kindOf(inner),
      description: schema.description ?? '',
      fallback: fallback === undefined ? undefined : textOf(fallback),
    },
  ];
}

function unwrap(schema: z.ZodType): z.ZodType {
  const { def } = schema as { def: { type: string; innerType?: z.ZodType } };
  const wrapped = def.type === 'default' || def.type === 'optional' || def.type === 'prefault';
  return wrapped ? unwrap(def.innerType!) : schema;
}

function fallbackOf(schema: z.ZodType): unknown {
  const { def } = schema as { def: { type: string; defaultValue?: unknown } };
  return def.type === 'default' ? def.defaultValue : undefined;
}

/** A structure is said in JSON, which YAML takes too; a list by commas, as everywhere here. */
function textOf(value: unknown): string {
  const isStructure = typeof value === 'object' && !Array.isArray(value);
  return isStructure ? JSON.stringify(value) : String(value);
}

function kindOf(schema: z.ZodType): Setting['kind'] {
  if (schema.def.type === 'number') return 'integer';
  if (schema.def.type === 'boolean') return 'boolean';
  return schema.def.type === 'array' ? 'list' : 'text';
}
