/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const quarantineSqlite: readonly string[] = [
  'ALTER TABLE "keys" ADD COLUMN "quarantine" TEXT',
];
