"""Numbers for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Response

from src.utils.context import InContext
from src.utils.metrics import CONTENT_TYPE

router = APIRouter(tags=["operation"])


@router.get(
    "/metrics", response_class=Response, responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
)
async def metrics(context: InContext) -> Response:
    """Count requests by route and status, the time that they took, and the pool's connections."""
    context.metrics.pool(context.database.pool_use())
    return Response(context.metrics.render(), headers={"Content-Type": CONTENT_TYPE})
