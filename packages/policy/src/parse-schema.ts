/** A schema in either of Cedar's spellings. */
import { err, limits, ok, type Result } from '@mintmark/core';
import { Problem } from './policy-error.ts';
import { locator, type Position } from './position.ts';
import { resolveSchema } from './resolve-schema.ts';
import type { Schema } from './schema.ts';
import { readSchemaJson } from './schema-json.ts';
import { readSchemaText } from './schema-text.ts';

export interface SchemaError {
  readonly message: string;
  /** In a schema as text; in JSON the message names the path. */
  readonly position: Position | null;
}

/**
 * @param schema the text that people write, or JSON, as text or already parsed
 * @returns the schema with every name resolved; or the first thing that is wrong with it
 */
export function parseSchema(schema: unknown): Result<Schema, SchemaError> {
  try {
    if (typeof schema !== 'string') return ok(resolveSchema(readSchemaJson(schema)));
    if (schema.length > limits.policyTextCharsMax) {
      throw new Problem('too_large', `longer than ${limits.policyTextCharsMax} characters`, 0);
    }
    // No declaration begins with a brace, and all JSON of a schema does.
    const isJson = schema.trimStart().startsWith('{');
    return ok(resolveSchema(isJson ? readSchemaJson(parseJson(schema)) : readSchemaText(schema)));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    const isText = typeof schema === 'string' && !schema.trimStart().startsWith('{');
    const position = isText ? locator(schema)(problem.offset) : null;
    return err({ message: problem.message, position });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Problem('syntax', `no JSON: ${(error as Error).message}`, 0);
  }
}
