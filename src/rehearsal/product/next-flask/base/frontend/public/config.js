window.productConfig = {
  "version": "__VERSION__",
  "api": "__API_URL__",
  "session": {"organisation": "__ORGANISATION__", "token": "__TOKEN__"},
  "calls": [{"path": "/api/organisations/__ORGANISATION__/items", "headers": {"authorization": "Bearer __TOKEN__"}}]
};
