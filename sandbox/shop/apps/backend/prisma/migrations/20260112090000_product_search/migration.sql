-- CreateIndex
CREATE INDEX "Product_categoryId_name_idx" ON "Product"("categoryId", "name");

-- Full-text search over name and description; the query in src/routes/catalogue.js repeats this expression.
CREATE INDEX "Product_search_idx" ON "Product" USING GIN (to_tsvector('english', "name" || ' ' || "description"));
