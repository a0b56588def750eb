<?php

namespace Symfony\Component\Routing;

class Route
{
    public function __construct($path)
    {
    }
}
