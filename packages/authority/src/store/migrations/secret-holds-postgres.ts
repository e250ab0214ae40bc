/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const secretHoldsPostgres: readonly string[] = [
  'ALTER TABLE "client_secrets" ADD COLUMN "hold" text COLLATE "C"',
];
