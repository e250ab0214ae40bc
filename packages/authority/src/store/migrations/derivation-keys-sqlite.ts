/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const derivationKeysSqlite: readonly string[] = [
  'ALTER TABLE "keys" ADD COLUMN "derivation_key" BLOB',
];
