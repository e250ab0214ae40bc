/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const tenantsPostgres: readonly string[] = [
  'ALTER TABLE "tenants" ADD COLUMN "settings" text COLLATE "C"',
  'ALTER TABLE "tenants" ADD COLUMN "sessions_ended_before" bigint',
];
