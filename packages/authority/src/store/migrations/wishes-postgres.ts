/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const wishesPostgres: readonly string[] = [
  `CREATE TABLE "userinfo_wishes" (
    "tenant" text COLLATE "C" NOT NULL,
    "family" text COLLATE "C" NOT NULL,
    "names" text COLLATE "C" NOT NULL,
    "expires_at_seconds" bigint NOT NULL,
    PRIMARY KEY ("tenant", "family")
  )`,
  `CREATE INDEX "userinfo_wishes_by_expires_at_seconds" ON "userinfo_wishes" (
    "expires_at_seconds"
  )`,
];
