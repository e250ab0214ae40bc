/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const clientUsesPostgres: readonly string[] = [
  `CREATE TABLE "client_uses" (
    "tenant" text COLLATE "C" NOT NULL,
    "client_id" text COLLATE "C" NOT NULL,
    "used_at" bigint NOT NULL,
    PRIMARY KEY ("tenant", "client_id")
  )`,
  `CREATE INDEX "client_uses_by_used_at" ON "client_uses" (
    "used_at"
  )`,
  `INSERT INTO "client_uses" ("tenant", "client_id", "used_at")
      SELECT "tenant", "client_id", "updated_at" FROM "clients"
      WHERE "metadata"::jsonb ->> 'source' IN ('registration', 'document')`,
];
