"""Surfaces with a picture on them: glTF in one binary file (Khronos, glTF 2.0), which viewers of 3D models open."""

from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int32, UInt8

from neucam_nerfstudio.imaging.file_writing import written_whole

TEXTURE_QUALITY = 90
"""Of the picture's JPEG."""


def write_glb(
    path: Path,
    places: Float[np.ndarray, "corners 3"],
    normals: Float[np.ndarray, "corners 3"],
    uv: Float[np.ndarray, "corners 2"],
    triangles: Int32[np.ndarray, "triangles 3"],
    texture: UInt8[np.ndarray, "height width 3"],
) -> None:
    """Writes a surface as `.glb`.

    Args:
        places: Of the corners: x to the right, y up, z towards who looks.
        normals: At the corners, of length 1.
        uv: Where each corner is on the texture, [0, 1], v down.
        triangles: Three corners each, counterclockwise from the front.
        texture: The picture on it, sRGB.
    """
    from PIL import Image
    from trimesh import Scene, Trimesh
    from trimesh.exchange.gltf import export_glb
    from trimesh.visual import TextureVisuals
    from trimesh.visual.material import PBRMaterial

    content = BytesIO()
    Image.fromarray(texture).save(content, "JPEG", quality=TEXTURE_QUALITY, subsampling="4:4:4")
    image = Image.open(content)
    # trimesh would decode and encode it again, with more loss.
    image.save = lambda file, format: file.write(content.getvalue())  # type: ignore[method-assign]
    material = PBRMaterial(baseColorTexture=image, metallicFactor=0.0, roughnessFactor=1.0)
    visual = TextureVisuals(uv=np.stack([uv[:, 0], 1 - uv[:, 1]], -1), material=material)
    mesh = Trimesh(places, triangles, vertex_normals=normals, visual=visual, process=False, validate=False)
    exported = export_glb(Scene(mesh), include_normals=True)
    with written_whole(path) as temporary:
        temporary.write_bytes(exported)
