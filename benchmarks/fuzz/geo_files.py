"""Valid GeoTIFFs, and images placed by the files beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_srgan.io.image_file import RPC, TIEPOINTS, GeoReference, ImageFile
from napari_srgan.io.tiff.reader import write_image

from .pixels import colours, noise

NORTH_UP = np.array([[30.0, 0, 500_000], [0, -30, 5_200_000], [0, 0, 1]])
POINTS = (0.0, 0.0, 0.0, 10.0, 50.0, 0.0, 16.0, 12.0, 0.0, 11.0, 49.0, 0.0)
POLYNOMIALS = (
    *(-1.0, -1.0, 6.0, 8.0, 48.0, 11.0, 500.0, 6.0, 8.0, 0.01, 0.02, 500.0),
    *(1.0 if i == place else 0.0 for place in (2, 0, 1, 0) for i in range(20)),
)
GEO = GeoReference(NORTH_UP, crs="EPSG:32633")
AXES = ("LINE", "SAMP", "LAT", "LONG", "HEIGHT")


def geotiff(folder: Path) -> Path:
    """Write bands with a place, a nodata value, names and units."""
    bands = ((("UNITTYPE", "unittype", "", "DN"),), (("UNITTYPE", "unittype", "", "W"),))
    said: dict[str, Any] = {"bands": bands, "scale": (0.1, 0.2), "offset": (0.0, 1.0)}
    image = ImageFile(noise(2), "CYX", geo=GEO, nodata=7.0, metadata=said)
    return write_image(folder / "a.tif", image)


def masked(folder: Path) -> Path:
    """Write colours with a mask and a place."""
    image = ImageFile(
        colours(), "YXS", geo=GEO, missing=noise() < 50, metadata={"mask": True, "nodata": 0}
    )
    return write_image(folder / "a.tif", image)


def opaque(folder: Path) -> Path:
    """Write four bands, the last of which is an opacity."""
    image = ImageFile(noise(3), "CYX", geo=GEO, alpha=255 * (noise() > 50).astype("uint16"))
    return write_image(folder / "a.tif", image)


def polynomials(folder: Path) -> Path:
    """Write rational polynomials."""
    image = ImageFile(noise(), "YX", geo=GeoReference(None, {RPC: POLYNOMIALS}))
    return write_image(folder / "a.tif", image)


def points(folder: Path) -> Path:
    """Write ground control points."""
    image = ImageFile(noise(), "YX", geo=GeoReference(None, {TIEPOINTS: POINTS}))
    return write_image(folder / "a.tif", image)


def beside(folder: Path) -> Path:
    """Write a world file with .prj, .aux.xml and polynomials beside an image."""
    path = folder / "a.tif"
    tifffile.imwrite(path, noise(), metadata=None)
    (folder / "a.tfw").write_text("30\n0\n0\n-30\n500015\n5199985\n")
    (folder / "a.prj").write_text(
        'PROJCS["UTM 33N",GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.25]],'
        'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"]'
        ',PARAMETER["central_meridian",15],UNIT["metre",1],AUTHORITY["EPSG","32633"]]'
    )
    (folder / "a.tif.aux.xml").write_text(
        "<PAMDataset><SRS>EPSG:32633</SRS><GeoTransform>500000, 30, 0, 5200000, 0, -30"
        "</GeoTransform><Metadata><MDI key='AREA_OR_POINT'>Area</MDI></Metadata>"
        "<GCPList Projection='EPSG:4326'><GCP Id='1' Pixel='0' Line='0' X='10' Y='50'/>"
        "<GCP Id='2' Pixel='16' Line='0' X='11' Y='50'/></GCPList>"
        "<PAMRasterBand band='1'><NoDataValue>7</NoDataValue><Description>red</Description>"
        "<UnitType>m</UnitType><Offset>1</Offset><Scale>0.5</Scale></PAMRasterBand></PAMDataset>"
    )
    names = [f"{n}_{end}" for end in ("OFF", "SCALE") for n in AXES]
    lines = [f"{n}: {v}" for n, v in zip(names, POLYNOMIALS[2:12], strict=True)]
    for part, letters in enumerate(("LINE_NUM", "LINE_DEN", "SAMP_NUM", "SAMP_DEN")):
        values = POLYNOMIALS[12 + 20 * part : 32 + 20 * part]
        lines += [f"{letters}_COEFF_{i}: {v}" for i, v in enumerate(values, 1)]
    (folder / "a_RPC.TXT").write_text("\n".join(lines) + "\n")
    return path
