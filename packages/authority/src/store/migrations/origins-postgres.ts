/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const originsPostgres: readonly string[] = [
  `CREATE TABLE "client_origins" (
    "tenant" text COLLATE "C" NOT NULL,
    "origin" text COLLATE "C" NOT NULL,
    "client_id" text COLLATE "C" NOT NULL,
    PRIMARY KEY ("tenant", "origin", "client_id")
  )`,
  `INSERT INTO "client_origins" ("tenant", "origin", "client_id")
      SELECT DISTINCT c."tenant", substring(u."value" FROM '^https?://[^/?]+'), c."client_id"
      FROM "clients" c, jsonb_array_elements_text(
        coalesce(c."metadata"::jsonb -> 'redirectUris', '[]'::jsonb)
      ) u ("value")
      WHERE c."status" = 'active' AND u."value" ~ '^https?://[^/?]+'`,
];
