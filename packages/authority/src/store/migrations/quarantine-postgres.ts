/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const quarantinePostgres: readonly string[] = [
  'ALTER TABLE "keys" ADD COLUMN "quarantine" text COLLATE "C"',
];
