DO $$
BEGIN
  UPDATE items SET name = trim(name);
END
$$;
