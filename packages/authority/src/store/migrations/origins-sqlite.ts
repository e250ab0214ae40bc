/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const originsSqlite: readonly string[] = [
  `CREATE TABLE "client_origins" (
    "tenant" TEXT NOT NULL,
    "origin" TEXT NOT NULL,
    "client_id" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "origin", "client_id")
  ) STRICT, WITHOUT ROWID`,
  `INSERT INTO "client_origins" ("tenant", "origin", "client_id")
      SELECT DISTINCT c."tenant", substr(u."value", 1, instr(substr(u."value", 9) || '/', '/') + 7),
        c."client_id"
      FROM "clients" c, json_each(c."metadata", '$.redirectUris') u
      WHERE c."status" = 'active' AND (u."value" GLOB 'https://*' OR u."value" GLOB 'http://*')`,
];
