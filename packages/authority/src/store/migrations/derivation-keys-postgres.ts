/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const derivationKeysPostgres: readonly string[] = [
  'ALTER TABLE "keys" ADD COLUMN "derivation_key" bytea',
];
